package dev.godwit.host.device;

/** A device that cannot be made as configured; the message names what is wrong, for a user to read. */
public final class DeviceConfigException extends IllegalArgumentException {
    private static final long serialVersionUID = 1L;

    /** With the reason in words. */
    public DeviceConfigException(String message) {
        super(message);
    }

    /** With the reason in words, and its cause. */
    public DeviceConfigException(String message, Throwable cause) {
        super(message, cause);
    }
}
