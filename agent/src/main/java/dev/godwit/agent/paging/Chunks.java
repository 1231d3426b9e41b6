package dev.godwit.agent.paging;

import dev.godwit.bindings.linux.Errno;
import dev.godwit.bindings.linux.MemoryCalls;
import dev.godwit.bindings.linux.SystemCallException;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import dev.godwit.host.memory.Userfault;
import java.lang.foreign.Arena;

/**
 * The 2 MiB chunks of a guest's memory while some of their pages are elsewhere: how they are assembled aside, in staging
 * memory, and put where the guest sees them.
 *
 * <pre>
 *               some page is elsewhere                all are here: one move, a large page stays large
 *   COMPLETE ──────────────────────────▶ STAGED ─────────────────────────────────────────────▶ COMPLETE
 *                                          │ the guest waits for one page and many are missing
 *                                          ▼
 *                                        SPLIT: pages are copied in one by one ──▶ COMPLETE, to be collapsed
 * </pre>
 *
 * <p>In STAGED the guest sees nothing of the chunk: each touch is a fault. What is in staging memory is never seen by a
 * vCPU, so that content may arrive there twice, late, or while the page is being put in: the guest's own newer content
 * is never overwritten.
 *
 * <p>Threading: {@link #lockOf} guards a chunk; the caller holds it for every method that names one.
 */
final class Chunks {
    /** Missing pages of a chunk that a fault asks for all at once, so that the chunk can go in whole: 128 KiB. */
    static final int FEW = 32;

    private static final int LOCKS = 64;

    private enum State {
        COMPLETE,
        STAGED,
        SPLIT
    }

    private final Userfault userfault;
    private final GuestMemory memory;
    private final GuestMemory staging;
    private final State[] states;
    private final int[] missing;
    private final PageMap map;
    /** Of chunks that are not COMPLETE: pages whose content, or absence of any, is in staging memory. */
    private final PageSet staged;
    /** Chunks that went in page by page. */
    private final boolean[] broken;

    private final Object[] locks = new Object[LOCKS];

    Chunks(Arena arena, Userfault userfault, GuestMemory memory, GuestMemory staging, PageMap map) {
        this.userfault = userfault;
        this.memory = memory;
        this.staging = staging;
        this.map = map;
        int chunks = (int) ((memory.pages() + PageSize.SMALL_PER_LARGE - 1) / PageSize.SMALL_PER_LARGE);
        this.states = new State[chunks];
        java.util.Arrays.fill(states, State.COMPLETE);
        this.missing = new int[chunks];
        this.staged = new PageSet(arena, memory.pages());
        this.broken = new boolean[chunks];
        for (int i = 0; i < LOCKS; i++) {
            locks[i] = new Object();
        }
    }

    Object lockOf(int chunk) {
        return locks[chunk % LOCKS];
    }

    static int of(long page) {
        return (int) (page / PageSize.SMALL_PER_LARGE);
    }

    int count() {
        return states.length;
    }

    long first(int chunk) {
        return (long) chunk * PageSize.SMALL_PER_LARGE;
    }

    long end(int chunk) {
        return Math.min(first(chunk) + PageSize.SMALL_PER_LARGE, memory.pages());
    }

    /** How many pages of the chunk are still elsewhere. */
    int missing(int chunk) {
        return missing[chunk];
    }

    boolean isComplete(int chunk) {
        return states[chunk] == State.COMPLETE;
    }

    boolean isSplit(int chunk) {
        return states[chunk] == State.SPLIT;
    }

    /** Whether the page's content has come, and only has to be put in. */
    boolean isStaged(long page) {
        return staged.contains(page);
    }

    /** Whether the page is elsewhere and has not come yet. */
    boolean isElsewhere(long page) {
        return !staged.contains(page) && map.place(page) != Place.RESIDENT;
    }

    /**
     * Takes a chunk out of the guest's sight, whatever stale content it has. The staging range is registered too.
     *
     * @param absent the pages that are elsewhere
     * @return how many of the chunk's are
     */
    int takeAside(int chunk, PageSet absent, Place place) {
        long first = first(chunk);
        long end = end(chunk);
        int elsewhere = (int) absent.cardinality(first, end);
        if (elsewhere < end - first) {
            moveAside(first, end);
            staged.addRange(first, end - first);
        } else {
            drop(first, end);
        }
        for (long page = absent.next(first, end); page < end; ) {
            long stop = absent.nextAbsent(page, end);
            map.setRange(page, stop - page, place);
            staged.removeRange(page, stop - page);
            page = absent.next(stop, end);
        }
        missing[chunk] = elsewhere;
        states[chunk] = State.STAGED;
        return elsewhere;
    }

    private void moveAside(long first, long end) {
        long bytes = (end - first) << PageSize.SMALL_SHIFT;
        if (memory.largePages() == LargePages.HUGETLB) {
            // Reserved large pages cannot be moved.
            staging.segment()
                    .asSlice(first << PageSize.SMALL_SHIFT, bytes)
                    .copyFrom(memory.segment().asSlice(first << PageSize.SMALL_SHIFT, bytes));
            drop(first, end);
            return;
        }
        long done = move(address(staging, first), address(memory, first), bytes);
        SystemCallException.check(done == bytes ? 0 : done, "UFFDIO_MOVE", "page", first);
    }

    private void drop(long first, long end) {
        SystemCallException.check(
                MemoryCalls.madvise(
                        address(memory, first), (end - first) << PageSize.SMALL_SHIFT, MemoryCalls.MADV_DONTNEED),
                "madvise of guest RAM");
    }

    /**
     * These pages, of one chunk, have come into staging memory. Puts in what is due.
     *
     * @param waited a page that the guest waits for, or -1
     * @return how many of them were still elsewhere
     */
    int arrived(int chunk, long from, long to, long waited) {
        if (states[chunk] == State.COMPLETE) {
            return 0;
        }
        int fresh = 0;
        for (long page = from; page < to; page++) {
            if (isElsewhere(page)) {
                staged.add(page);
                fresh++;
            }
        }
        missing[chunk] -= fresh;
        if (missing[chunk] == 0) {
            complete(chunk);
        } else if (states[chunk] == State.SPLIT) {
            putIn(chunk, from, to);
        } else if (waited >= from && waited < to && mayPutInSingly()) {
            putIn(chunk, waited, waited + 1);
        }
        return fresh;
    }

    /** Reserved large pages go in whole only. */
    boolean mayPutInSingly() {
        return memory.largePages() != LargePages.HUGETLB;
    }

    private void complete(int chunk) {
        if (states[chunk] == State.SPLIT) {
            putIn(chunk, first(chunk), end(chunk));
        } else {
            putInWhole(chunk);
        }
        states[chunk] = State.COMPLETE;
    }

    private void putInWhole(int chunk) {
        long first = first(chunk);
        long end = end(chunk);
        long bytes = (end - first) << PageSize.SMALL_SHIFT;
        if (memory.largePages() == LargePages.HUGETLB) {
            long done = copy(address(memory, first), address(staging, first), bytes);
            SystemCallException.check(done == bytes ? 0 : done, "UFFDIO_COPY", "page", first);
            MemoryCalls.madvise(address(staging, first), bytes, MemoryCalls.MADV_DONTNEED);
        } else {
            long done = move(address(memory, first), address(staging, first), bytes);
            if (done != bytes) {
                // Some page is in use by the kernel just now: a copy is as good, and made whole later.
                broken[chunk] = true;
                copyIn(first + (Math.max(done, 0) >>> PageSize.SMALL_SHIFT), end);
            }
        }
        staged.removeRange(first, end - first);
        map.setRange(first, end - first, Place.RESIDENT);
    }

    /** Copies in those of the pages {@code from .. to-1} that are staged. */
    void putIn(int chunk, long from, long to) {
        states[chunk] = State.SPLIT;
        broken[chunk] = true;
        for (long page = staged.next(from, to); page < to; page = staged.next(page, to)) {
            long stop = staged.nextAbsent(page, to);
            copyIn(page, stop);
            staged.removeRange(page, stop - page);
            map.setRange(page, stop - page, Place.RESIDENT);
        }
    }

    private void copyIn(long from, long to) {
        for (long page = from; page < to; ) {
            long done = copy(address(memory, page), address(staging, page), (to - page) << PageSize.SMALL_SHIFT);
            if (done == -Errno.EEXIST) {
                // Nobody but this class puts pages here: it is the same one.
                wake(page);
                done = PageSize.SMALL;
            }
            SystemCallException.check(done, "UFFDIO_COPY", "page", page);
            page += done >>> PageSize.SMALL_SHIFT;
        }
    }

    /** The first touch of a page of a COMPLETE chunk: it is zeros, inside a large page where there can be one. */
    void zeroFill(int chunk, long page) {
        long first = first(chunk);
        boolean whole = end(chunk) - first == PageSize.SMALL_PER_LARGE;
        if (memory.largePages() != LargePages.NONE && whole) {
            long aside = address(staging, first);
            MemoryCalls.madvise(aside, PageSize.LARGE, MemoryCalls.MADV_DONTNEED);
            MemoryCalls.madvise(aside, PageSize.LARGE, MemoryCalls.MADV_POPULATE_WRITE);
            if (memory.largePages() == LargePages.HUGETLB) {
                copy(address(memory, first), aside, PageSize.LARGE);
                return;
            }
            move(address(memory, first), aside, PageSize.LARGE);
        }
        // What was there already, or has just come, stays.
        long done = userfault.zero(address(memory, page), PageSize.SMALL);
        if (done < 0) {
            wake(page);
        } else {
            broken[chunk] = true;
        }
    }

    void wake(long page) {
        userfault.wake(address(memory, page), PageSize.SMALL);
    }

    /**
     * Makes one large page of a chunk again, as far as the host has one; the guest may run. Best effort: a page that the
     * kernel is just using prevents it, for a moment.
     */
    void collapse(long chunk) {
        if (end((int) chunk) - first((int) chunk) == PageSize.SMALL_PER_LARGE) {
            MemoryCalls.madvise(address(memory, first((int) chunk)), PageSize.LARGE, MemoryCalls.MADV_COLLAPSE);
        }
    }

    /** Chunks that went in page by page so far. */
    long broken() {
        long count = 0;
        for (boolean one : broken) {
            count += one ? 1 : 0;
        }
        return count;
    }

    private long move(long to, long from, long bytes) {
        long moved = 0;
        while (moved < bytes) {
            long done = userfault.move(to + moved, from + moved, bytes - moved);
            if (done == -Errno.EAGAIN) {
                continue;
            }
            if (done < 0) {
                return moved > 0 ? moved : done;
            }
            moved += done;
        }
        return moved;
    }

    private long copy(long to, long from, long bytes) {
        long copied = 0;
        while (copied < bytes) {
            long done = userfault.copy(to + copied, from + copied, bytes - copied);
            if (done == -Errno.EAGAIN) {
                continue;
            }
            if (done < 0) {
                return copied > 0 ? copied : done;
            }
            copied += done;
        }
        return copied;
    }

    private static long address(GuestMemory where, long page) {
        return where.hva() + (page << PageSize.SMALL_SHIFT);
    }
}
