package dev.godwit.agent.memoryhost;

/**
 * How one side stands to the pages that a guest has at a memory host. Which side the memory host serves is its
 * {@link Ownership}; this is what a side may expect of it.
 *
 * <pre>
 *   NONE ──▶ OWNED ⇄ HELD ──▶ OFFERED ──▶ OVER (from all of these)
 *              ▲                 │
 *              └── TAKING_BACK ◀─┘
 * </pre>
 *
 * <p>Threading: immutable.
 */
enum Claim {
    /** They do not exist yet, or are another's, whose guest may come here. */
    NONE,

    /** They are this side's. */
    OWNED,

    /** They are this side's, whose guest is about to leave. */
    HELD,

    /** Whoever gets the guest may take them at any moment, or has. */
    OFFERED,

    /** They are this side's, which has to tell the memory host: the guest did not get away. */
    TAKING_BACK,

    /** This side wants no more of them. */
    OVER;

    /**
     * What follows, if nothing has ended it.
     *
     * @throws IllegalStateException when that cannot follow
     */
    Claim then(Claim next) {
        if (this == OVER || this == next) {
            return this;
        }
        boolean follows = next == OVER
                || switch (this) {
                    case NONE, TAKING_BACK -> next == OWNED;
                    case OWNED -> next == HELD;
                    case HELD -> next == OWNED || next == OFFERED;
                    case OFFERED -> next == TAKING_BACK;
                    case OVER -> false;
                };
        if (!follows) {
            throw new IllegalStateException("pages at a memory host that are " + this + " cannot be " + next);
        }
        return next;
    }

    /** Whether they are this side's to delete. */
    boolean isOurs() {
        return this == OWNED || this == HELD || this == TAKING_BACK;
    }

    /** Whether the guest is about to leave, or may have left. */
    boolean isLeaving() {
        return this == HELD || this == OFFERED;
    }

    /** Whether this side has lost them for good if the memory host answers so. */
    boolean isLostBy(RegionStatus answer) {
        return switch (answer) {
            case FENCED -> this == OWNED;
            // Whoever took them may have ended by now, and they with it.
            case UNKNOWN -> this != OFFERED;
            default -> false;
        };
    }
}
