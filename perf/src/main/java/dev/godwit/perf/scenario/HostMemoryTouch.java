package dev.godwit.perf.scenario;

import dev.godwit.agent.inventory.HostMemory;
import dev.godwit.bindings.linux.MemoryCalls;
import dev.godwit.bindings.linux.SystemCallException;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.memory.PageSize;

/**
 * Touches free memory of this host once and gives it back at once, so that what comes next finds it cheap to touch.
 *
 * <p>Where this host is a virtual machine itself, its own host may take back what is free (free page reporting, after
 * about two seconds), and the first touch of such memory then costs ten to twenty times as much. That is a property of
 * the machine beneath, and would drown what a migration does.
 */
public final class HostMemoryTouch {
    private HostMemoryTouch() {}

    /** Touches so many bytes in large pages, or as many as are free if that is less; returns bytes a second. */
    public static double touch(long most) {
        long bytes = atMost(most, HostMemory.now());
        try (GuestMemory memory = GuestMemory.allocate(bytes, LargePages.THP)) {
            long from = System.nanoTime();
            SystemCallException.check(
                    MemoryCalls.madvise(memory.hva(), bytes, MemoryCalls.MADV_POPULATE_WRITE),
                    "MADV_POPULATE_WRITE",
                    "bytes",
                    bytes);
            return bytes * 1e9 / (System.nanoTime() - from);
        }
    }

    /** More would cost a process its life, mostly this one. */
    static long atMost(long most, HostMemory host) {
        return Math.max(PageSize.LARGE, Math.min(most, host.free(0)) & -PageSize.LARGE);
    }
}
