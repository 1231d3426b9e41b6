package dev.godwit.host.state;

import java.io.Serial;

/** Saved state is malformed, or does not fit this machine; the message is one line. */
public final class StateFormatException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1;

    public StateFormatException(String message) {
        super(message);
    }
}
