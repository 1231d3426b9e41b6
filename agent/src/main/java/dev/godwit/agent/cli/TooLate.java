package dev.godwit.agent.cli;

import java.io.Serial;

/** What was to be prevented has happened. */
final class TooLate extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1;

    TooLate(String message) {
        super(message);
    }
}
