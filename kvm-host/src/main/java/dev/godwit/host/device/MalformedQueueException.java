package dev.godwit.host.device;

/**
 * A virtqueue, or a request in one, that breaks the rules so that it cannot even be answered. The transport turns it into
 * DEVICE_NEEDS_RESET.
 */
public final class MalformedQueueException extends Exception {
    private static final long serialVersionUID = 1L;

    /** With the reason in words. */
    public MalformedQueueException(String message) {
        super(message);
    }
}
