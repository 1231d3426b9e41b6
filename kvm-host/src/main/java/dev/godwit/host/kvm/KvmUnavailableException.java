package dev.godwit.host.kvm;

import java.io.Serial;

/** This host cannot run guests; the message is one line that says why and what would help. */
public final class KvmUnavailableException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1;

    public KvmUnavailableException(String message) {
        super(message);
    }
}
