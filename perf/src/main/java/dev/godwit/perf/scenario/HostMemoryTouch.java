package dev.godwit.perf.scenario;

import dev.godwit.agent.config.Sizes;
import dev.godwit.agent.inventory.HostMemory;
import dev.godwit.bindings.linux.MemoryCalls;
import dev.godwit.bindings.linux.SystemCallException;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/**
 * Touches free memory of this host once and gives it back at once, so that what comes next finds it cheap to touch.
 *
 * <p>Where this host is a virtual machine itself, its own host may take back what is free (free page reporting, after
 * about two seconds), and the first touch of such memory then costs ten to twenty times as much. That is a property of
 * the machine beneath, and would drown what a migration does.
 */
public final class HostMemoryTouch {
    /** Others take memory meanwhile; less than this before it is looked again how much is free. */
    static final long STEP = 64L << 20;

    private HostMemoryTouch() {}

    /**
     * Touches so many bytes in large pages, or as many as this host has free for guests if that is less.
     *
     * @param progress is told when it is less
     * @return bytes a second
     */
    public static double touch(long wanted, Consumer<String> progress) {
        try (GuestMemory memory = GuestMemory.allocate(wanted, LargePages.THP)) {
            Touched touched = touch(memory, () -> HostMemory.now().free(0));
            if (touched.bytes < wanted) {
                progress.accept("  only " + Sizes.human(touched.bytes) + " of free memory could be touched before, not "
                        + Sizes.human(wanted));
            }
            return touched.bytes * 1e9 / Math.max(1, touched.nanos);
        }
    }

    /** How much, and what that alone took. */
    record Touched(long bytes, long nanos) {}

    /** More than is free would cost a process its life. */
    static Touched touch(GuestMemory memory, LongSupplier free) {
        long all = memory.segment().byteSize();
        long done = 0;
        long nanos = 0;
        while (done < all && free.getAsLong() >= STEP) {
            long step = Math.min(STEP, all - done);
            long from = System.nanoTime();
            SystemCallException.check(
                    MemoryCalls.madvise(memory.hva() + done, step, MemoryCalls.MADV_POPULATE_WRITE),
                    "MADV_POPULATE_WRITE",
                    "bytes",
                    step);
            nanos += System.nanoTime() - from;
            done += step;
        }
        return new Touched(done, nanos);
    }
}
