package dev.godwit.host.machine;

import java.io.Serial;

/** A machine nobody can build; the message is one line that names the value and the right range. */
public final class MachineConfigException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1;

    public MachineConfigException(String message) {
        super(message);
    }

    MachineConfigException(String message, Throwable cause) {
        super(message, cause);
    }
}
