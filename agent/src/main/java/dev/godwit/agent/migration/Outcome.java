package dev.godwit.agent.migration;

/** How a session ended at the target, as it answers a query. */
enum Outcome {
    /** Nobody could say. */
    UNKNOWN,
    /** The guest runs, or ran, at the target. */
    RUNNING,
    /** It does not, and by this session it never will. */
    NOT_RUNNING;

    private static final Outcome[] ALL = values();

    static Outcome of(long wire) {
        return wire > 0 && wire < ALL.length ? ALL[(int) wire] : UNKNOWN;
    }
}
