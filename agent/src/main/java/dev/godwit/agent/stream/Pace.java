package dev.godwit.agent.stream;

import dev.godwit.host.memory.PageSize;

/**
 * When the next bytes may go so that no more go than so many a second: arithmetic only, no clock and no waiting.
 *
 * <pre>
 *        what was sent lately         now            what is owed
 *   ──────────────────────────────────┼──────────────────────────┤ next
 *   │◀─ CATCH_UP: an idle time is no  │
 *      more than this made up for     │◀── AHEAD: urgent bytes need not wait for less than this
 * </pre>
 *
 * <p>In any interval of a second or longer at most CATCH_UP + AHEAD + TURN more than the rate goes: 2.45 %.
 *
 * <p>What urgent bytes were sent ahead is owed when it is the others' turn, and then a guest waits for all of it at once:
 * that is why AHEAD and TURN are short.
 *
 * <p>Threading: one thread at a time.
 */
final class Pace {
    /** Not before urgent bytes have gone. */
    static final long AFTER_OTHERS = Long.MAX_VALUE;

    private static final long SECOND = 1_000_000_000;
    private static final long CATCH_UP = 20_000_000;
    private static final long AHEAD = 2_000_000;
    private static final long TURN = 2_500_000;
    /** So many turns' worth of urgent bytes in a row, then others have one: nobody starves. */
    private static final int URGENT_TURNS = 6;
    /** Others who do not take their turn for so long, since no processor is theirs, let it pass. */
    private static final long PASSED = 1_000_000;
    /** A page and what is around it. */
    private static final long LEAST_TURN = PageSize.SMALL + PageFrame.HEADER_BYTES + PageFrame.RUN_BYTES;
    /** Faster than any network; keeps the arithmetic within a long. */
    private static final long FASTEST = 1L << 40;

    private final long bytesPerSecond;
    private long next;
    /** What {@link #next} leaves out, in bytes times nanoseconds: it would add up. */
    private long rest;

    private long urgentInARow;

    /**
     * Nothing is owed.
     *
     * @param bytesPerSecond at least 1
     */
    Pace(long bytesPerSecond, long now) {
        this.bytesPerSecond = Math.min(bytesPerSecond, FASTEST);
        this.next = now;
    }

    /** The most bytes that should go at once. */
    long turnBytes() {
        return Math.max(LEAST_TURN, bytesPerSecond / (SECOND / TURN));
    }

    /**
     * Nanoseconds until the first in the queue of urgent, or of other, bytes may send; 0 is now.
     *
     * @param othersWait whether anybody waits in the other queue
     */
    long waitNanos(boolean urgent, boolean othersWait, long now) {
        boolean othersTurn = urgentInARow >= URGENT_TURNS * turnBytes();
        if (othersWait && urgent == othersTurn) {
            return urgent ? Math.max(0, next - now + PASSED) : AFTER_OTHERS;
        }
        return Math.max(0, next - now - (urgent ? AHEAD : 0));
    }

    /** These bytes go now. */
    void book(long bytes, boolean urgent, long now) {
        urgentInARow = urgent ? urgentInARow + bytes : 0;
        if (next < now - CATCH_UP) {
            next = now - CATCH_UP;
            rest = 0;
        }
        long due = bytes * SECOND + rest;
        next += due / bytesPerSecond;
        rest = due % bytesPerSecond;
    }

    /** So many bytes that were booked do not go. */
    void giveBack(long bytes) {
        long due = rest - bytes * SECOND;
        next += Math.floorDiv(due, bytesPerSecond);
        rest = Math.floorMod(due, bytesPerSecond);
    }
}
