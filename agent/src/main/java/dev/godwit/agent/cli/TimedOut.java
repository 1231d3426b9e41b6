package dev.godwit.agent.cli;

import java.io.Serial;

/** A time that the user set is up. */
final class TimedOut extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1;

    TimedOut(String message) {
        super(message);
    }
}
