package dev.godwit.host.memory;

import java.io.Serial;

/** An address range that is not guest RAM, or RAM that could not be had; the message names range and sizes. */
public final class GuestMemoryException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1;

    public GuestMemoryException(String message) {
        super(message);
    }
}
