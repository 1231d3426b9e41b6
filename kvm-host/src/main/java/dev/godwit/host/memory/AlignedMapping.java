package dev.godwit.host.memory;

import static dev.godwit.host.memory.PageSize.LARGE;

import dev.godwit.bindings.linux.Errno;
import dev.godwit.bindings.linux.MemoryCalls;
import dev.godwit.bindings.linux.SystemCallException;
import java.lang.foreign.MemorySegment;

/** Maps anonymous memory whose start is aligned to 2 MiB, so that every 2 MiB of it can be one large page. */
final class AlignedMapping {
    private static final int PROT = MemoryCalls.PROT_READ | MemoryCalls.PROT_WRITE;
    // NORESERVE: a guest may be larger than what is free now; what it touches is what it costs.
    private static final int FLAGS = MemoryCalls.MAP_PRIVATE | MemoryCalls.MAP_ANONYMOUS | MemoryCalls.MAP_NORESERVE;

    private AlignedMapping() {}

    @SuppressWarnings("restricted") // the kernel mapped exactly these bytes
    static MemorySegment map(long bytes, LargePages largePages) {
        long address = largePages == LargePages.HUGETLB ? mapHugetlb(bytes) : mapAnonymous(bytes);
        if (largePages != LargePages.HUGETLB) {
            int advice = largePages == LargePages.THP ? MemoryCalls.MADV_HUGEPAGE : MemoryCalls.MADV_NOHUGEPAGE;
            int result = MemoryCalls.madvise(address, bytes, advice);
            // EINVAL: a kernel without transparent huge pages; `godwit check` says so, and coverage is reported as 0.
            if (result < 0 && result != -Errno.EINVAL) {
                MemoryCalls.munmap(address, bytes);
                SystemCallException.check(result, "madvise of guest RAM");
            }
        }
        // A core dump of the agent is not the place for guests' memory.
        MemoryCalls.madvise(address, bytes, MemoryCalls.MADV_DONTDUMP);
        return MemorySegment.ofAddress(address).reinterpret(bytes);
    }

    private static long mapHugetlb(long bytes) {
        // No NORESERVE here: the reservation is what makes a later touch safe from SIGBUS.
        int flags = MemoryCalls.MAP_PRIVATE | MemoryCalls.MAP_ANONYMOUS | MemoryCalls.MAP_HUGETLB;
        return SystemCallException.check(
                MemoryCalls.mmap(0, bytes, PROT, flags, -1, 0), "mmap of hugetlb guest RAM", "bytes", bytes);
    }

    private static long mapAnonymous(long bytes) {
        long reserved = Math.addExact(bytes, (long) LARGE);
        long address = SystemCallException.check(
                MemoryCalls.mmap(0, reserved, PROT, FLAGS, -1, 0), "mmap of guest RAM", "bytes", bytes);
        long aligned = (address + LARGE - 1) & -LARGE;
        if (aligned > address) {
            MemoryCalls.munmap(address, aligned - address);
        }
        long tail = address + reserved - (aligned + bytes);
        if (tail > 0) {
            MemoryCalls.munmap(aligned + bytes, tail);
        }
        return aligned;
    }
}
