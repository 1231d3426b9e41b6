package dev.godwit.agent.migration;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;

/**
 * What saving and restoring a machine took lately in this process: the part of a pause that does not depend on memory.
 *
 * <p>Threading: any thread.
 */
final class SwitchoverCost {
    /** Before anything was measured. */
    private static final long ASSUMED_NANOS = 10_000_000;

    private static final AtomicLong SAVE_NANOS = new AtomicLong(ASSUMED_NANOS);
    private static final AtomicLong RESTORE_NANOS = new AtomicLong(ASSUMED_NANOS);

    private SwitchoverCost() {}

    static void saved(long nanos) {
        SAVE_NANOS.accumulateAndGet(nanos, SwitchoverCost::blend);
    }

    static void restored(long nanos) {
        RESTORE_NANOS.accumulateAndGet(nanos, SwitchoverCost::blend);
    }

    /** Half of what was, half of what is: one slow time does not stick, nor does one quick one fool. */
    private static long blend(long known, long measured) {
        return known == ASSUMED_NANOS ? measured : (known + measured) / 2;
    }

    static Duration save() {
        return Duration.ofNanos(SAVE_NANOS.get());
    }

    static long restoreMicros() {
        return RESTORE_NANOS.get() / 1000;
    }
}
