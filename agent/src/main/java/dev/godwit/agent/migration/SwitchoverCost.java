package dev.godwit.agent.migration;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * What saving and restoring a machine took lately in this process: the part of a pause that does not depend on memory.
 *
 * <p>A migration that is refused because of it measures nothing. So that one slow time does not have all that follow
 * refused as well, each {@link #refused} halves what is planned with, down to what is assumed before anything was
 * measured; the next migration that comes to its pause measures anew.
 *
 * <p>Threading: any thread.
 */
final class SwitchoverCost {
    /** Before anything was measured. */
    private static final long ASSUMED_NANOS = 10_000_000;

    private static final AtomicLong SAVE_NANOS = new AtomicLong(ASSUMED_NANOS);
    private static final AtomicLong RESTORE_NANOS = new AtomicLong(ASSUMED_NANOS);

    /** Migrations refused since it was last measured. */
    private static final AtomicInteger REFUSED = new AtomicInteger();

    private SwitchoverCost() {}

    static void saved(long nanos) {
        REFUSED.set(0);
        SAVE_NANOS.accumulateAndGet(nanos, SwitchoverCost::blend);
    }

    static void restored(long nanos) {
        RESTORE_NANOS.accumulateAndGet(nanos, SwitchoverCost::blend);
    }

    /** Half of what was, half of what is: one slow time does not stick, nor does one quick one fool. */
    private static long blend(long known, long measured) {
        return known == ASSUMED_NANOS ? measured : (known + measured) / 2;
    }

    /**
     * A migration was refused because of what was {@link #planned}.
     *
     * @param budget of that migration: one that nothing could have met says nothing about the others
     */
    static void refused(Duration budget) {
        if (budget.toNanos() > 2 * ASSUMED_NANOS) {
            REFUSED.updateAndGet(times -> Math.min(times + 1, Long.SIZE - 1));
        }
    }

    /**
     * What a migration from here is to plan with.
     *
     * @param restore what the target says that restoring took there
     */
    static Duration planned(Duration restore) {
        long known = SAVE_NANOS.get() + restore.toNanos();
        return Duration.ofNanos(Math.max(known >> REFUSED.get(), Math.min(known, 2 * ASSUMED_NANOS)));
    }

    static long restoreMicros() {
        return RESTORE_NANOS.get() / 1000;
    }
}
