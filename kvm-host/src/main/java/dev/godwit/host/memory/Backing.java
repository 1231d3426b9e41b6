package dev.godwit.host.memory;

import dev.godwit.bindings.linux.FileCalls;
import dev.godwit.bindings.linux.SystemCallException;
import dev.godwit.bindings.linux.gen.linux_h;
import dev.godwit.bindings.linux.gen.page_region;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * What the host kernel has behind guest RAM at one moment: which pages exist at all, and which 2 MiB of them are one
 * large page. A page that does not exist reads as zeros.
 *
 * <p>By {@code PAGEMAP_SCAN} (Linux 6.7), which tells large pages apart; before that by reading
 * {@code /proc/self/pagemap}, which does not: then {@link #knowsLarge} is false and no chunk counts as large.
 *
 * <p>Threading: scan from one thread; guests may run meanwhile.
 */
public final class Backing {
    private static final String PAGEMAP = "/proc/self/pagemap";
    private static final int REGIONS = 1024;
    private static final int ENTRIES = 8192;
    private static final long PRESENT_OR_SWAPPED = 3L << 62;

    private final PageSet resident;
    private final PageSet largeChunks;
    private boolean knowsLarge;

    private Backing(Arena arena, GuestMemory memory) {
        resident = new PageSet(arena, memory.pages());
        largeChunks = emptyChunks(arena, memory);
    }

    /** An empty set of 2 MiB chunk numbers of a guest's RAM, the last of which may be shorter. */
    public static PageSet emptyChunks(Arena arena, GuestMemory memory) {
        return new PageSet(arena, (memory.size() + PageSize.LARGE - 1) / PageSize.LARGE);
    }

    /** Looks at all of a guest's RAM; the sets live in {@code arena}. */
    public static Backing scan(Arena arena, GuestMemory memory) {
        Backing backing = new Backing(arena, memory);
        int fd = open();
        try {
            backing.knowsLarge = backing.scanRegions(fd, memory);
            if (!backing.knowsLarge) {
                backing.readEntries(fd, memory);
            }
            return backing;
        } finally {
            FileCalls.close(fd);
        }
    }

    private static int open() {
        return SystemCallException.checkInt(
                FileCalls.open(PAGEMAP, FileCalls.O_RDONLY | FileCalls.O_CLOEXEC), "open", PAGEMAP);
    }

    /**
     * The end of the last 2 MiB chunk of which something exists, and be it the kernel's shared page of zeros, in pages: in
     * some system calls, each of which looks at little but nothing.
     *
     * @return all pages where the kernel does not tell so quickly (before Linux 6.7)
     */
    public static long end(GuestMemory memory) {
        int fd = open();
        try (Arena arena = Arena.ofConfined()) {
            PagemapScan scan = new PagemapScan(arena, fd, 1);
            scan.mostPages(1);
            long most = memory.hva() + memory.size();
            long before = 0;
            long end = (memory.size() + PageSize.LARGE - 1) / PageSize.LARGE;
            while (before < end) {
                long middle = (before + end) >>> 1;
                int found = scan.next(
                        memory.hva() + middle * PageSize.LARGE, Math.min(most, memory.hva() + end * PageSize.LARGE));
                if (found == PagemapScan.UNKNOWN) {
                    return memory.pages();
                }
                if (found > 0) {
                    before = middle + 1;
                } else {
                    end = middle;
                }
            }
            return Math.min(memory.pages(), end * PageSize.SMALL_PER_LARGE);
        } finally {
            FileCalls.close(fd);
        }
    }

    /** Pages that exist: in memory or swapped out, and not the kernel's shared page of zeros. */
    public PageSet resident() {
        return resident;
    }

    /** Numbers of the 2 MiB chunks that are one large page each. */
    public PageSet largeChunks() {
        return largeChunks;
    }

    /** Whether this kernel tells large pages apart. */
    public boolean knowsLarge() {
        return knowsLarge;
    }

    /** Guest RAM behind which there are large pages, in bytes. */
    public long largeBytes() {
        return largeChunks.cardinality() * PageSize.LARGE;
    }

    /** False when this kernel has no such call. */
    private boolean scanRegions(int fd, GuestMemory memory) {
        try (Arena arena = Arena.ofConfined()) {
            PagemapScan scan = new PagemapScan(arena, fd, REGIONS);
            long end = memory.hva() + memory.size();
            for (long from = memory.hva(); from < end; from = scan.end()) {
                int found = scan.next(from, end);
                if (found == PagemapScan.UNKNOWN) {
                    return false;
                }
                for (int i = 0; i < found; i++) {
                    add(scan.region(i), memory.hva());
                }
            }
        }
        return true;
    }

    private void add(MemorySegment region, long hva) {
        long categories = page_region.categories(region);
        if ((categories & linux_h.PAGE_IS_PFNZERO()) != 0) {
            return;
        }
        long first = (page_region.start(region) - hva) >>> PageSize.SMALL_SHIFT;
        long end = (page_region.end(region) - hva) >>> PageSize.SMALL_SHIFT;
        resident.addRange(first, end - first);
        if ((categories & linux_h.PAGE_IS_HUGE()) != 0) {
            // A region of large pages may be cut where the answer's array was full, never inside a large page.
            long firstChunk = first / PageSize.SMALL_PER_LARGE;
            largeChunks.addRange(firstChunk, end / PageSize.SMALL_PER_LARGE - firstChunk);
        }
    }

    private void readEntries(int fd, GuestMemory memory) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment entries = arena.allocate(ValueLayout.JAVA_LONG, ENTRIES);
            long firstEntry = memory.hva() >>> PageSize.SMALL_SHIFT;
            for (long page = 0; page < memory.pages(); page += ENTRIES) {
                long count = Math.min(ENTRIES, memory.pages() - page);
                SystemCallException.check(
                        FileCalls.pread(fd, entries.asSlice(0, count * Long.BYTES), (firstEntry + page) * Long.BYTES),
                        "pread",
                        PAGEMAP);
                for (int i = 0; i < count; i++) {
                    if ((entries.getAtIndex(ValueLayout.JAVA_LONG, i) & PRESENT_OR_SWAPPED) != 0) {
                        resident.add(page + i);
                    }
                }
            }
        }
    }
}
