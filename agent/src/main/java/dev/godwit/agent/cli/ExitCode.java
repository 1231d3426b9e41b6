package dev.godwit.agent.cli;

import dev.godwit.agent.config.Failure;

/** What commands exit with. */
final class ExitCode {
    static final int OK = 0;
    static final int FAILED = 1;
    static final int USAGE = 2;
    static final int NOT_CAPABLE = 3;
    /** {@code cancel}: the guest has changed sides. */
    static final int TOO_LATE = 4;
    /** {@code run --timeout} ended the guest, as timeout(1) does. */
    static final int TIMED_OUT = 124;

    /** For the foot of every help text. */
    static final String HELP =
            "Exit status: 0 fine, 1 it failed, 2 bad usage or bad input, 3 this host is not capable.";

    private ExitCode() {}

    static int of(Failure.Kind kind) {
        return switch (kind) {
            case BAD_INPUT, NOT_FOUND, CONFLICT -> USAGE;
            case FAILED -> FAILED;
            case NOT_CAPABLE -> NOT_CAPABLE;
        };
    }
}
