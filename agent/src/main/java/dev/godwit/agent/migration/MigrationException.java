package dev.godwit.agent.migration;

import java.io.Serial;

/** A migration that did not happen; the message is one line on why. The guest is unharmed at its source. */
public final class MigrationException extends Exception {
    @Serial
    private static final long serialVersionUID = 1;

    /** Whose doing it was. */
    public enum Kind {
        /** The target could not be reached. */
        UNREACHABLE,
        /** The peer did not prove that it knows the secret, or we did not to it. */
        UNAUTHENTICATED,
        /** The target cannot take this guest, and said why. */
        REFUSED,
        /** The peer broke the protocol. */
        PROTOCOL,
        /** The connection broke or stalled. */
        CONNECTION,
        /** Precopy did not converge in the time given. */
        NOT_CONVERGED,
        /** Somebody asked for the end of the migration. */
        CANCELLED,
        /** The guest ended by itself meanwhile. */
        GUEST_ENDED,
        /** Guest memory differs between the two sides. */
        VERIFY_FAILED,
        /** Whether the target runs the guest is unknown: it is kept paused here. */
        IN_DOUBT,
        /** The guest ran at the target, which ended before all of its memory was there. */
        LOST,
        /** This host lacks what it takes. */
        NOT_CAPABLE,
        /** A defect or a shortage on this side. */
        INTERNAL
    }

    private final Kind kind;

    public MigrationException(Kind kind, String message) {
        super(message);
        this.kind = kind;
    }

    public MigrationException(Kind kind, String message, Throwable cause) {
        super(message, cause);
        this.kind = kind;
    }

    /** Somebody asked for the end. */
    static MigrationException cancelled() {
        return new MigrationException(Kind.CANCELLED, "the migration was cancelled");
    }

    public Kind kind() {
        return kind;
    }
}
