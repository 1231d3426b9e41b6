package dev.godwit.host.memory;

import static dev.godwit.host.memory.PageSize.LARGE;
import static dev.godwit.host.memory.PageSize.SMALL;
import static dev.godwit.host.memory.PageSize.SMALL_SHIFT;

import dev.godwit.bindings.linux.MemoryCalls;
import dev.godwit.bindings.linux.SystemCallException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.Objects;

/**
 * The RAM of one guest: one 2 MiB-aligned private anonymous mapping, seen by the guest as the first 3 GiB from address
 * 0 and the rest from 4 GiB (the hole between holds the devices, as on QEMU's microvm).
 *
 * <p>A <em>page</em> is the dense index of a 4 KiB page in the mapping, {@code 0 .. pages()-1}.
 *
 * <p>Threading: addresses and bounds are immutable; contents are shared with the running guest and unsynchronised.
 * {@link #markWritten} may be called from any thread. {@link #close} only when no vCPU and no transfer can touch the
 * memory any more.
 */
public final class GuestMemory implements AutoCloseable {
    /** Guest-physical start of the device hole, in bytes. */
    public static final long HOLE_START = 3L << 30;

    /** Guest-physical end of the device hole, in bytes. */
    public static final long HOLE_END = 4L << 30;

    private static final VarHandle WORD = ValueLayout.JAVA_LONG.varHandle();

    private final Arena arena = Arena.ofShared();
    private final MemorySegment ram;
    private final LargePages largePages;
    private final PageSet written;
    private volatile MissingPages missingPages;
    private volatile Runnable beforeItEnds = () -> {};
    private volatile boolean gaveUp;
    private volatile boolean preferLarge = true;
    private volatile boolean mixed;
    private volatile boolean smallFaults;

    @SuppressWarnings("restricted") // only gives the mapping this object's lifetime
    private GuestMemory(MemorySegment ram, LargePages largePages) {
        this.ram = ram.reinterpret(arena, null);
        this.largePages = largePages;
        this.written = new PageSet(arena, ram.byteSize() >>> SMALL_SHIFT);
    }

    /**
     * Maps RAM; nothing is populated.
     *
     * @param bytes a positive multiple of 4096 (of 2 MiB for {@link LargePages#HUGETLB})
     * @throws GuestMemoryException when the size is not possible
     * @throws SystemCallException when the host refuses ({@code ENOMEM})
     */
    public static GuestMemory allocate(long bytes, LargePages largePages) {
        int unit = largePages == LargePages.HUGETLB ? LARGE : SMALL;
        if (bytes <= 0 || bytes % unit != 0) {
            throw new GuestMemoryException(
                    "guest memory is a positive multiple of " + unit + " bytes, not " + bytes + " bytes");
        }
        MemorySegment ram = AlignedMapping.map(bytes, largePages);
        try {
            return new GuestMemory(ram, largePages);
        } catch (RuntimeException | Error e) {
            MemoryCalls.munmap(ram.address(), bytes);
            throw e;
        }
    }

    /** RAM in bytes. */
    public long size() {
        return ram.byteSize();
    }

    /** RAM in 4 KiB pages. */
    public long pages() {
        return ram.byteSize() >>> SMALL_SHIFT;
    }

    public LargePages largePages() {
        return largePages;
    }

    /** Whether it is in reserved large pages, which can neither be moved nor put in by parts. */
    public boolean isReserved() {
        return largePages == LargePages.HUGETLB;
    }

    /** All of RAM, page 0 first, as one segment. */
    public MemorySegment segment() {
        return ram;
    }

    /** Host virtual address of page 0. */
    public long hva() {
        return ram.address();
    }

    /** Pages below the device hole; the others follow from {@link #HOLE_END}. */
    public long lowPages() {
        return Math.min(size(), HOLE_START) >>> SMALL_SHIFT;
    }

    /**
     * Guest-physical address of a page.
     *
     * @throws IndexOutOfBoundsException when there is no such page
     */
    public GuestAddress addressOf(long page) {
        Objects.checkIndex(page, pages());
        long low = lowPages();
        return new GuestAddress(page < low ? page << SMALL_SHIFT : HOLE_END + ((page - low) << SMALL_SHIFT));
    }

    /** The page at a guest-physical address, or -1 where there is none: in the device hole, or beyond RAM. */
    public long pageAt(long gpa) {
        long offset = offset(gpa, 1);
        return offset < 0 ? -1 : offset >>> SMALL_SHIFT;
    }

    /** Whether the whole range is RAM, on one side of the device hole. Any values are safe. */
    public boolean contains(long gpa, long length) {
        return offset(gpa, length) >= 0;
    }

    /**
     * The RAM behind a guest-physical range.
     *
     * @throws GuestMemoryException when it is not all RAM
     */
    public MemorySegment slice(long gpa, long length) {
        long offset = offset(gpa, length);
        if (offset < 0) {
            throw new GuestMemoryException("guest range 0x" + Long.toHexString(gpa) + " + " + length
                    + " bytes is not in the guest's " + size() + " bytes of RAM");
        }
        MissingPages watching = missingPages;
        if (watching != null && length > 0) {
            long since;
            do {
                // Before they are here, since they must not leave before they are used; again if that took long.
                since = System.nanoTime();
                watching.use(offset >>> SMALL_SHIFT, ((offset + length - 1) >>> SMALL_SHIFT) + 1);
                fetch(offset, length);
            } while (System.nanoTime() - since > MissingPages.USE_NANOS / 2);
        }
        return ram.asSlice(offset, length);
    }

    /**
     * As {@link #slice}, of RAM that is used for long: its pages do not leave until it is {@link #release released}.
     *
     * @throws GuestMemoryException when it is not all RAM
     */
    public MemorySegment keptSlice(long gpa, long length) {
        MissingPages watching = missingPages;
        long offset = offset(gpa, length);
        if (watching != null && offset >= 0 && length > 0) {
            watching.keep(offset >>> SMALL_SHIFT, ((offset + length - 1) >>> SMALL_SHIFT) + 1);
        }
        return slice(gpa, length);
    }

    /** A {@link #keptSlice} is not used any more. */
    public void release(MemorySegment kept) {
        MissingPages watching = missingPages;
        if (watching != null && kept.byteSize() > 0) {
            long offset = kept.address() - hva();
            watching.release(offset >>> SMALL_SHIFT, ((offset + kept.byteSize() - 1) >>> SMALL_SHIFT) + 1);
        }
    }

    private void fetch(long offset, long length) {
        long first = (hva() + offset) & -SMALL;
        long end = hva() + offset + length;
        SystemCallException.check(
                MemoryCalls.madvise(first, ((end - first) + SMALL - 1) & -SMALL, MemoryCalls.MADV_POPULATE_WRITE),
                "madvise of missing guest RAM");
        if (gaveUp) {
            throw new GuestMemoryException("the guest's memory is not all here, and what is missing will not come");
        }
    }

    /**
     * Whether a first touch of 2 MiB brings a large page, as it does unless told otherwise; {@link #populateLarge} brings
     * one either way. For a guest of which only a part comes here: a large page for each small one would be its whole
     * memory. No effect on memory that has no transparent large pages.
     */
    public void preferLarge(boolean large) {
        if (largePages == LargePages.THP) {
            preferLarge = large;
            mixed |= !large;
            MemoryCalls.madvise(hva(), size(), large ? MemoryCalls.MADV_HUGEPAGE : MemoryCalls.MADV_NOHUGEPAGE);
        }
    }

    /**
     * Whether a touch of what is not there is about one small page, whose absence the kernel then reports at once: else it
     * makes 2 MiB of zeros first, 0.3 ms, and throws them away. For as long as touches are reported; such a touch leaves an
     * empty page table behind, which is in the way of a large page. No effect on memory that has no transparent large
     * pages, and on kernels that would keep that table ({@link Userfault#freesTables}).
     */
    public void expectFaults(boolean expected) {
        if (largePages == LargePages.THP && preferLarge && Userfault.freesTables()) {
            smallFaults = expected;
            MemoryCalls.madvise(hva(), size(), expected ? MemoryCalls.MADV_NOHUGEPAGE : MemoryCalls.MADV_HUGEPAGE);
        }
    }

    /** Whether touches leave page tables behind just now. */
    public boolean hasSmallFaults() {
        return smallFaults;
    }

    /** Whether the kernel has had all of it in one mapping throughout; it may take a while to join what was in several. */
    public boolean isOneMapping() {
        return !mixed;
    }

    /**
     * Has the kernel put a large page behind a 2 MiB chunk of which nothing is there yet. Best effort: without a free one
     * it gives small ones, and coverage says so.
     */
    public void populateLarge(long firstPage) {
        long chunk = hva() + (firstPage << SMALL_SHIFT);
        if (largePages != LargePages.NONE && (firstPage << SMALL_SHIFT) + LARGE <= size()) {
            if (!preferLarge) {
                MemoryCalls.madvise(chunk, LARGE, MemoryCalls.MADV_HUGEPAGE);
            }
            MemoryCalls.madvise(chunk, LARGE, MemoryCalls.MADV_POPULATE_WRITE);
        }
    }

    /**
     * Has the kernel put a large page behind a whole 2 MiB chunk that nobody uses yet, by a first touch. Unlike
     * {@link #populateLarge} that keeps hold of nothing that others need to map, or to bring pages, however long it takes.
     */
    void touchLarge(long firstPage) {
        MemoryCalls.zero(hva() + (firstPage << SMALL_SHIFT), 1);
    }

    /** Says who brings pages that are not there; null when all are. The guest is paused. */
    public void watch(MissingPages whoBringsThem) {
        missingPages = whoBringsThem;
    }

    /** Says what is to be done when the guest ends, before its memory is unmapped: by whoever is at it otherwise. */
    public void beforeItEnds(Runnable action) {
        beforeItEnds = action;
    }

    /** Whether no page has still to be brought from elsewhere. */
    public boolean isWhole() {
        return missingPages == null;
    }

    /** Bytes of pages that have still to be brought from elsewhere; from any thread, also after {@link #close}. */
    public long elsewhereBytes() {
        MissingPages watching = missingPages;
        return watching == null ? 0 : watching.count() << SMALL_SHIFT;
    }

    /** The guest has been told to stop for good: nobody waits any longer for a page that is not there. */
    public void giveUpMissing() {
        MissingPages watching = missingPages;
        if (watching != null) {
            // Before anybody goes on: what devices find in the place of a missing page must not reach a disk.
            gaveUp = true;
            watching.giveUp();
        }
        beforeItEnds.run();
    }

    /** Offset of a guest-physical range in the mapping, or -1 when it is not all RAM. */
    private long offset(long gpa, long length) {
        if (gpa < 0 || length < 0) {
            return -1;
        }
        long low = lowPages() << SMALL_SHIFT;
        if (gpa <= low && length <= low - gpa) {
            return gpa;
        }
        long high = size() - low;
        long aboveHole = gpa - HOLE_END;
        return aboveHole >= 0 && aboveHole <= high && length <= high - aboveHole ? low + aboveHole : -1;
    }

    /**
     * Says that the agent (not the guest) wrote to this guest-physical range, so that dirty trackers report it: KVM
     * logs only what vCPUs and the kernel write.
     */
    public void markWritten(long gpa, long length) {
        if (length == 0) {
            return;
        }
        long offset = offset(gpa, length);
        if (offset < 0) {
            throw new GuestMemoryException("marking 0x" + Long.toHexString(gpa) + " + " + length + ": not RAM");
        }
        long first = offset >>> SMALL_SHIFT;
        markPagesWritten(first, ((offset + length - 1) >>> SMALL_SHIFT) + 1 - first);
    }

    /** As {@link #markWritten}, of pages by their numbers: also for those whose content the agent has brought here. */
    public void markPagesWritten(long first, long count) {
        Objects.checkFromIndexSize(first, count, pages());
        for (long page = first, end = first + count; page < end; ) {
            long stop = Math.min(end, (page | 63) + 1);
            long mask = (-1L << page) & (-1L >>> -stop);
            WORD.getAndBitwiseOrRelease(written.segment(), (page >>> 6) * 8, mask);
            page = stop;
        }
    }

    /**
     * Moves the pages the agent wrote since the last call into {@code into}; returns how many of them were new there.
     * One collector at a time.
     */
    public long drainWritten(PageSet into) {
        long added = 0;
        for (long i = 0, n = written.wordCount(); i < n; i++) {
            added += moveWritten(i, -1, into);
        }
        return added;
    }

    /** As {@link #drainWritten(PageSet)}, of these pages alone. */
    public void drainWritten(PageSet which, PageSet into) {
        for (long i = 0, n = written.wordCount(); i < n; i++) {
            moveWritten(i, which.word(i), into);
        }
    }

    private int moveWritten(long word, long mask, PageSet into) {
        // Most have nothing: to write them all the same would cost.
        return (written.word(word) & mask) == 0
                ? 0
                : into.orWord(word, mask & (long) WORD.getAndBitwiseAndAcquire(written.segment(), word * 8, ~mask));
    }

    /** Adds the pages that the next {@link #drainWritten(PageSet)} will move, and leaves them. */
    public void peekWritten(PageSet into) {
        into.addAll(written);
    }

    /** Unmaps the RAM; no effect the second time. */
    @Override
    public synchronized void close() {
        if (arena.scope().isAlive()) {
            long hva = hva();
            long size = size();
            arena.close();
            SystemCallException.check(MemoryCalls.munmap(hva, size), "munmap of guest RAM");
        }
    }
}
