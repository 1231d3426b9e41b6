package dev.godwit.agent.migration;

/**
 * Pages that a target has asked for and that have not been sent again, since they had just been pushed: in case that does
 * not bring them. They leave in the order in which they came.
 *
 * <p>Threading: one thread at a time.
 */
final class LeftOut {
    /** By then they are there, or something is wrong with the connection that they went on. */
    private static final long PATIENCE_NANOS = 5_000_000;

    private final long[] pages;
    private final long[] since;
    private int first;
    private int count;

    /** @param most so many are left out at a time */
    LeftOut(int most) {
        pages = new long[most];
        since = new long[most];
    }

    /** Whether the page is left out; false when there are too many already. */
    boolean add(long page, long now) {
        if (count == pages.length) {
            return false;
        }
        int at = (first + count++) % pages.length;
        pages[at] = page;
        since[at] = now;
        return true;
    }

    /** How long until it is to be seen what has become of the first, in nanoseconds; {@link Long#MAX_VALUE} if there is none. */
    long waitNanos(long now) {
        return count == 0 ? Long.MAX_VALUE : Math.max(0, since[first] + PATIENCE_NANOS - now);
    }

    /** Takes the first. */
    long take() {
        long page = pages[first];
        first = (first + 1) % pages.length;
        count--;
        return page;
    }

    /** All have come. */
    void clear() {
        count = 0;
    }
}
