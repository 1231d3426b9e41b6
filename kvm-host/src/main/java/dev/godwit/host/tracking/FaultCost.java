package dev.godwit.host.tracking;

import java.util.Arrays;

/**
 * What a fault costs a guest, from when faults come: one takes at most the time from the fault before it, and in a
 * burst little less. The lower quartile of these times is a cautious estimate; it follows with each look.
 *
 * <p>Threading: one thread at a time, or the sampler's lock. Allocates nothing after construction.
 */
final class FaultCost {
    private static final int MOST = 4096;
    private static final int TOO_FEW = 32;

    private final long[] gaps = new long[MOST];
    private final long least;
    private final long most;
    private int count;
    private long last;
    private long nanos;

    /** A first guess, and the bounds of all later ones, in nanoseconds. */
    FaultCost(long guess, long least, long most) {
        this.nanos = guess;
        this.least = least;
        this.most = most;
    }

    long nanos() {
        return nanos;
    }

    /** The faults from here on are another vCPU's, or the time before them was not the guest's. */
    void begin() {
        last = 0;
    }

    /** A fault at this time. */
    void fault(long at) {
        if (last != 0 && count < MOST) {
            gaps[count++] = at - last;
        }
        last = at;
    }

    /** Ends a look: estimates anew if it had faults enough. */
    void update() {
        if (count >= TOO_FEW) {
            Arrays.sort(gaps, 0, count);
            nanos = (nanos + Math.clamp(gaps[count / 4], least, most)) / 2;
        }
        count = 0;
    }
}
