package dev.godwit.agent.transport;

import java.io.IOException;
import java.io.Serial;

/** A connection that cannot be used, or no longer; the message is one line for people. */
public class TransportException extends IOException {
    @Serial
    private static final long serialVersionUID = 1;

    /** What went wrong. */
    public enum Kind {
        /** Nothing listens at the address: the host answered and said so. */
        REFUSED,
        /** The address could not be reached, or did not answer in time. */
        UNREACHABLE,
        /** The peer closed the connection. */
        CLOSED,
        /** The peer neither took nor sent a byte for the time allowed. */
        STALLED,
        /** The connection broke. */
        BROKEN,
        /** What the peer sent is not the protocol. */
        MALFORMED,
        /** There is no version that both sides speak. */
        VERSION,
        /** The peer does not know the secret. */
        UNAUTHENTICATED,
        /** The peer is believed, and is for something else. */
        NOT_SERVED
    }

    private final Kind kind;

    public TransportException(Kind kind, String message) {
        super(message);
        this.kind = kind;
    }

    public Kind kind() {
        return kind;
    }
}
