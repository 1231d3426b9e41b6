package dev.godwit.agent.migration;

/** How a session ended at the target, as it answers a query. */
enum Outcome {
    /** Nobody could say. */
    UNKNOWN(0),
    /** The guest runs, or ran, at the target. */
    RUNNING(1),
    /** It does not, and by this session it never will. */
    NOT_RUNNING(2),
    /** Nobody here knows of such a session, nor what became of the process that took it. */
    STRANGER(3),
    /** The guest ran at the target, and the session is over: nothing more is wanted. */
    COMPLETE(4),
    /** The guest ran at the target, and was lost before all of its memory was there. */
    LOST(5);

    private static final Outcome[] ALL = values();

    private final int wire;

    Outcome(int wire) {
        this.wire = wire;
    }

    /** Whether the guest has been the target's. */
    boolean ran() {
        return this == RUNNING || this == COMPLETE || this == LOST;
    }

    /** Its number on the wire. */
    int wire() {
        return wire;
    }

    static Outcome of(long wire) {
        for (Outcome outcome : ALL) {
            if (outcome.wire == wire) {
                return outcome;
            }
        }
        return UNKNOWN;
    }
}
