package dev.godwit.host.memory;

import dev.godwit.bindings.linux.Errno;
import dev.godwit.bindings.linux.Ioctl;
import dev.godwit.bindings.linux.PagemapIoctl;
import dev.godwit.bindings.linux.SystemCallException;
import dev.godwit.bindings.linux.gen.linux_h;
import dev.godwit.bindings.linux.gen.page_region;
import dev.godwit.bindings.linux.gen.pm_scan_arg;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The kernel's {@code PAGEMAP_SCAN} (Linux 6.7): runs of pages that are present or swapped out.
 *
 * <p>Threading: one thread.
 *
 * <p>Source: {@code Documentation/admin-guide/mm/pagemap.rst}.
 */
final class PagemapScan {
    /** What {@link #next} returns where the kernel has no such call. */
    static final int UNKNOWN = -1;

    private final int pagemap;
    private final MemorySegment regions;
    private final MemorySegment argument;

    /**
     * Of this process.
     *
     * @param pagemap a descriptor of {@code /proc/self/pagemap}
     * @param most runs told at a time
     */
    PagemapScan(Arena arena, int pagemap, int most) {
        this.pagemap = pagemap;
        this.regions = arena.allocate(page_region.layout(), most);
        this.argument = pm_scan_arg.allocate(arena).fill((byte) 0);
        long wanted = linux_h.PAGE_IS_PRESENT() | linux_h.PAGE_IS_SWAPPED();
        pm_scan_arg.size(argument, pm_scan_arg.sizeof());
        pm_scan_arg.vec(argument, regions.address());
        pm_scan_arg.vec_len(argument, most);
        pm_scan_arg.category_anyof_mask(argument, wanted);
        pm_scan_arg.return_mask(argument, wanted | linux_h.PAGE_IS_HUGE() | linux_h.PAGE_IS_PFNZERO());
    }

    /** Ends a scan after so many pages; 0, as in the beginning, for none. */
    void mostPages(long pages) {
        pm_scan_arg.max_pages(argument, pages);
    }

    /**
     * Scans from one address to another, or until there is no room for more runs.
     *
     * @return how many were found, or {@link #UNKNOWN}
     */
    int next(long from, long end) {
        pm_scan_arg.start(argument, from);
        pm_scan_arg.end(argument, end);
        int found = Ioctl.ioctl(pagemap, PagemapIoctl.PAGEMAP_SCAN, argument);
        if (found == -Errno.ENOTTY || found == -Errno.EINVAL) {
            return UNKNOWN;
        }
        SystemCallException.check(found, "PAGEMAP_SCAN");
        return found;
    }

    /** Where the last scan ended: it is to go on there. */
    long end() {
        return pm_scan_arg.walk_end(argument);
    }

    /** One of the runs that the last scan found. */
    MemorySegment region(int index) {
        return page_region.asSlice(regions, index);
    }
}
