package dev.godwit.host.tracking;

import java.util.Arrays;

/**
 * What faults cost a guest, from when they come: one takes at most the time from the fault before it, and in a burst
 * little less. The lower quartile of these times is what a fault costs in a burst, or, if there was none, the shortest; it
 * follows with each look.
 *
 * <p>Charged is the time from the fault before, at most twice what a fault costs in a burst: in a burst the guest has
 * lost nearly all of that time, and one that comes alone also pays for cold caches and translations.
 *
 * <p>Threading: one thread at a time, or the sampler's lock. Allocates nothing after construction.
 */
final class FaultCost {
    private static final int MOST = 4096;
    private static final int TOO_FEW = 32;
    /** A lonely fault and what it leaves behind, in faults of a burst. */
    private static final int ALONE = 2;

    private final long[] gaps = new long[MOST];
    private final long least;
    private final long most;
    private int count;
    private long last;
    private long nanos;
    private long charged;

    /** A first guess, and the bounds of all later ones, in nanoseconds. */
    FaultCost(long guess, long least, long most) {
        this.nanos = guess;
        this.least = least;
        this.most = most;
    }

    long nanos() {
        return nanos;
    }

    /** The faults from here on are another vCPU's, whose last one came then; 0: nothing is known of it. */
    void from(long lastFault) {
        last = lastFault;
    }

    /** When the last fault came. */
    long last() {
        return last;
    }

    /** A fault at this time. */
    void fault(long at) {
        long gap = last == 0 ? Long.MAX_VALUE : Math.max(0, at - last);
        if (last != 0 && count < MOST) {
            gaps[count++] = gap;
        }
        charged += Math.min(gap, ALONE * nanos);
        last = at;
    }

    /** What the faults since this was last asked have cost, in nanoseconds. */
    long takeCharged() {
        long nanosOfAll = charged;
        charged = 0;
        return nanosOfAll;
    }

    /** Ends a look: estimates anew if it had faults enough. */
    void update() {
        if (count >= TOO_FEW) {
            Arrays.sort(gaps, 0, count);
            long burst = gaps[count / 4];
            // Longer than a fault takes: the guest did other things in between, but hardly before each.
            nanos = (nanos + Math.clamp(burst > most ? gaps[0] : burst, least, most)) / 2;
        }
        count = 0;
    }
}
