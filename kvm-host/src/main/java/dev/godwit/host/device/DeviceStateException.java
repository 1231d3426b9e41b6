package dev.godwit.host.device;

/** A saved state that cannot be taken over; the message names the section and says why. */
public final class DeviceStateException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** For the named section, with the reason in words. */
    public DeviceStateException(String section, String reason) {
        super("state of " + section + ": " + reason);
    }
}
