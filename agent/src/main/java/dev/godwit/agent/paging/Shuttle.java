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
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Carries pages between where the guest sees them and staging memory, each page by its number in both. It keeps no
 * account of what is where.
 *
 * <p>Threading: none of its own; the caller holds the lock of the chunk in question.
 */
final class Shuttle {
    private static final int MOVE =
            MemoryCalls.MREMAP_MAYMOVE | MemoryCalls.MREMAP_FIXED | MemoryCalls.MREMAP_DONTUNMAP;

    private final Userfault userfault;
    private final GuestMemory memory;
    private final GuestMemory staging;
    private final boolean hugetlb;
    /** Addresses for a few chunks that are neither seen nor staged, two for each slot. */
    private final GuestMemory bench;

    private final MemorySegment core = Arena.ofAuto().allocate(1);

    Shuttle(Userfault userfault, GuestMemory memory, GuestMemory staging, GuestMemory bench) {
        this.userfault = userfault;
        this.memory = memory;
        this.staging = staging;
        this.bench = bench;
        this.hugetlb = memory.isReserved();
    }

    /** Whether the guest's memory is in reserved large pages, which can neither be moved nor put in by parts. */
    boolean isHugetlb() {
        return hugetlb;
    }

    /** Whether a chunk of so many pages can be one large page. */
    boolean canBeLarge(long pages) {
        return memory.largePages() != LargePages.NONE && pages == PageSize.SMALL_PER_LARGE;
    }

    /** Takes pages out of the guest's sight, into staging memory, which is registered. */
    void out(long first, long end) {
        long bytes = bytes(first, end);
        long done = move(staged(first), seen(first), bytes);
        SystemCallException.check(done == bytes ? 0 : done, "UFFDIO_MOVE", "page", first);
    }

    /**
     * As {@link #out}, of all the guest's memory, which is not reserved, in one go however much it is; neither it nor
     * staging memory is registered. What was in staging memory is gone.
     *
     * @param there pages up to which the guest has any: the kernel looks at all that it is told to move, and so does KVM
     * @return false when this kernel cannot do it (before Linux 5.7), and then nothing has happened
     */
    boolean allOut(long there) {
        long bytes = there << PageSize.SMALL_SHIFT;
        if (bytes > 0) {
            long moved = MemoryCalls.mremap(memory.hva(), bytes, bytes, MOVE, staging.hva());
            if (moved == -Errno.EINVAL) {
                return false;
            }
            SystemCallException.check(moved, "mremap of guest RAM", "bytes", bytes);
        }
        if (there < memory.pages()) {
            drop(there, memory.pages());
        }
        return true;
    }

    /**
     * Completes a staged chunk of 2 MiB by the pages that the guest has of it already, and lets it see the whole, as one
     * large page if the staged one is: what is done in between, the guest waits for.
     *
     * <p>Stores may be writing to the staged chunk, pages that came already: what they write then is not in what the
     * guest gets.
     *
     * @param staged the pages that are staged; the guest has the others
     * @param slot which of the few
     * @return the page after the last that went in; the others are back in staging memory
     */
    long merge(long first, PageSet staged, int slot) {
        long end = first + PageSize.SMALL_PER_LARGE;
        MemorySegment seen = take(seen(first), 2 * slot);
        MemorySegment whole = take(staged(first), 2 * slot + 1);
        for (long page = staged.nextAbsent(first, end); page < end; ) {
            long stop = staged.next(page, end);
            whole.asSlice(bytes(first, page), bytes(page, stop))
                    .copyFrom(seen.asSlice(bytes(first, page), bytes(page, stop)));
            page = staged.nextAbsent(stop, end);
        }
        MemoryCalls.madvise(seen.address(), PageSize.LARGE, MemoryCalls.MADV_DONTNEED);
        freeTable(first, end);
        long done = first + (Math.max(0, move(seen(first), whole.address(), PageSize.LARGE)) >>> PageSize.SMALL_SHIFT);
        if (done < end) {
            copyIn(done, end, whole.address() + bytes(first, done));
            MemoryCalls.madvise(whole.address(), PageSize.LARGE, MemoryCalls.MADV_DONTNEED);
        }
        return done;
    }

    /** Of a chunk of which the guest has nothing, touches may have left a page table in which a large page has no room. */
    private void freeTable(long first, long end) {
        if (memory.hasSmallFaults()) {
            MemoryCalls.madvise(seen(first), bytes(first, end), MemoryCalls.MADV_DONTNEED);
        }
    }

    /** Takes 2 MiB away from where it is; not page by page, so that the table of small pages is not left behind. */
    private MemorySegment take(long address, int slot) {
        MemorySegment to = bench.segment().asSlice((long) slot * PageSize.LARGE, PageSize.LARGE);
        SystemCallException.check(
                MemoryCalls.mremap(address, PageSize.LARGE, PageSize.LARGE, MOVE, to.address()),
                "mremap of guest RAM",
                "address",
                address);
        return to;
    }

    /**
     * Lets {@link #tryOut} work, of a guest that may be running, until {@link #endOut}: only for as long as it takes,
     * since whoever fills staging memory by ordinary writes waits meanwhile.
     */
    void beginOut(long first, long end) {
        userfault.register(staged(first), bytes(first, end));
    }

    void endOut(long first, long end) {
        userfault.unregister(staged(first), bytes(first, end));
    }

    /**
     * As {@link #out}, as far as it goes: a page that the kernel is just using ends it.
     *
     * @return the page after the last that was taken
     */
    long tryOut(long first, long end) {
        return first + (Math.max(0, move(staged(first), seen(first), bytes(first, end))) >>> PageSize.SMALL_SHIFT);
    }

    /**
     * Lets the guest see staged pages, all at once and without a copy; as far as it goes.
     *
     * @return the page after the last that went in
     */
    long in(long first, long end) {
        long bytes = bytes(first, end);
        if (!hugetlb) {
            freeTable(first, end);
            return first + (Math.max(0, move(seen(first), staged(first), bytes)) >>> PageSize.SMALL_SHIFT);
        }
        long done = copy(seen(first), staged(first), bytes);
        SystemCallException.check(done == bytes ? 0 : done, "UFFDIO_COPY", "page", first);
        drop(first, end);
        return end;
    }

    /** Lets the guest see copies of staged pages. */
    void copyIn(long first, long end) {
        copyIn(first, end, staged(first));
    }

    /** Lets the guest see a copy of what is at an address. */
    void copyIn(long first, long end, long from) {
        for (long page = first; page < end; ) {
            long at = from + bytes(first, page);
            long done = copy(seen(page), at, bytes(page, end));
            if (done == -Errno.EEXIST) {
                // Nobody but the pager puts pages here: it is the same one.
                wake(page);
                done = PageSize.SMALL;
            }
            SystemCallException.check(done, "UFFDIO_COPY", "page", page);
            page += done >>> PageSize.SMALL_SHIFT;
        }
    }

    /**
     * Lets the guest see 2 MiB of zeros, one large page if the host has one, where it has nothing.
     *
     * @param slot which of the few
     * @return whether it does; not if a page was there already
     */
    boolean zeroIn(long first, long end, int slot) {
        long bytes = bytes(first, end);
        // Neither in staging memory, to which somebody might be writing, nor where merge puts what the guest had, which
        // may be of small pages.
        long zeros = bench.hva() + (2L * slot + 1) * PageSize.LARGE;
        MemoryCalls.madvise(zeros, bytes, MemoryCalls.MADV_POPULATE_WRITE);
        long done = hugetlb ? copy(seen(first), zeros, bytes) : move(seen(first), zeros, bytes);
        if (done != bytes || hugetlb) {
            MemoryCalls.madvise(zeros, bytes, MemoryCalls.MADV_DONTNEED);
        }
        return done == bytes;
    }

    /** Lets the guest see a small page of zeros; false if there was one already, whose waiters are woken. */
    boolean zeroIn(long page) {
        boolean done = userfault.zero(seen(page), PageSize.SMALL) >= 0;
        if (!done) {
            wake(page);
        }
        return done;
    }

    /** Whether there is a page. Called on one thread. */
    boolean isHere(long page) {
        return MemoryCalls.mincore(seen(page), PageSize.SMALL, core.address()) == 0
                && (core.get(ValueLayout.JAVA_BYTE, 0) & 1) != 0;
    }

    void wake(long page) {
        userfault.wake(seen(page), PageSize.SMALL);
    }

    /** Gives back what the guest has there; a later touch is a fault. */
    void forget(long first, long end) {
        SystemCallException.check(
                MemoryCalls.madvise(seen(first), bytes(first, end), MemoryCalls.MADV_DONTNEED), "madvise of guest RAM");
    }

    /** Gives back staging memory. */
    void drop(long first, long end) {
        MemoryCalls.madvise(staged(first), bytes(first, end), MemoryCalls.MADV_DONTNEED);
    }

    /**
     * Makes one large page of 2 MiB that the guest has, which may run. Best effort: a page that the kernel is just using
     * prevents it, for a moment.
     */
    boolean collapse(long first) {
        return MemoryCalls.madvise(seen(first), PageSize.LARGE, MemoryCalls.MADV_COLLAPSE) >= 0;
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

    private long seen(long page) {
        return memory.hva() + (page << PageSize.SMALL_SHIFT);
    }

    private long staged(long page) {
        return staging.hva() + (page << PageSize.SMALL_SHIFT);
    }

    private static long bytes(long first, long end) {
        return (end - first) << PageSize.SMALL_SHIFT;
    }
}
