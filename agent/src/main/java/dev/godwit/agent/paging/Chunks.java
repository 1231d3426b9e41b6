package dev.godwit.agent.paging;

import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import dev.godwit.host.thread.Urgency;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The 2 MiB chunks of a guest's memory, and the states that each goes through while some of its pages are elsewhere. What
 * changes the state of one is here; {@link PageAccount} knows about the pages, {@link Shuttle} carries them.
 *
 * <pre>
 *               some page is elsewhere                all are here: one move, a large page stays large
 *   COMPLETE ──────────────────────────▶ STAGED ─────────────────────────────────────────────▶ COMPLETE
 *            ──────────────────────────▶        ─────────────▶ SPLIT
 *               evicted: one move out      │     stored elsewhere
 *                                          │ the guest waits for one page and many are missing,
 *                                          │ or a hot one came ahead of them
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

    private enum State {
        COMPLETE,
        STAGED,
        SPLIT
    }

    private final Shuttle shuttle;
    private final GuestMemory staging;
    private final PageAccount account;
    private final HostUse use;
    private final ChunkLocks locks;
    private final State[] states;
    /** Chunks that went in page by page and are not large pages again. */
    private final boolean[] broken;

    private final AtomicLong broke = new AtomicLong();
    /** When a page of the chunk last went in, by {@link System#nanoTime}. */
    private final long[] lastIn;

    private final PageSet large;
    /** Chunks in whose place there are zeros now that came at once. */
    private final PageSet zeroed;

    Chunks(Arena arena, Shuttle shuttle, GuestMemory staging, PageAccount account, HostUse use, ChunkLocks locks) {
        this.shuttle = shuttle;
        this.staging = staging;
        this.account = account;
        this.use = use;
        this.locks = locks;
        int chunks = account.chunks();
        this.states = new State[chunks];
        Arrays.fill(states, State.COMPLETE);
        this.large = new PageSet(arena, chunks);
        this.zeroed = new PageSet(arena, chunks);
        this.broken = new boolean[chunks];
        this.lastIn = new long[chunks];
        Arrays.fill(lastIn, System.nanoTime());
    }

    Object lockOf(int chunk) {
        return locks.of(chunk);
    }

    static int of(long page) {
        return (int) (page / PageSize.SMALL_PER_LARGE);
    }

    int count() {
        return states.length;
    }

    long first(int chunk) {
        return account.first(chunk);
    }

    long end(int chunk) {
        return account.end(chunk);
    }

    /** How many pages of the chunk are still elsewhere. */
    int missing(int chunk) {
        return account.missing(chunk);
    }

    /** Pages that come of their own accord. */
    long passing() {
        return account.passing();
    }

    AtomicLong resident() {
        return account.resident();
    }

    boolean isComplete(int chunk) {
        return states[chunk] == State.COMPLETE;
    }

    boolean isSplit(int chunk) {
        return states[chunk] == State.SPLIT;
    }

    long lastIn(int chunk) {
        return lastIn[chunk];
    }

    /** Whether the page's content has come, and only has to be put in. */
    boolean isStaged(long page) {
        return account.isStaged(page);
    }

    /** Whether the page is elsewhere and has not come yet. */
    boolean isElsewhere(long page) {
        return account.isElsewhere(page);
    }

    /** Whether it is elsewhere, and nobody has been asked for it. */
    boolean mustAsk(long page) {
        return account.mustAsk(page);
    }

    void asked(long first, long count) {
        account.asked(first, count);
    }

    /** Whoever was asked has forgotten it. */
    void forgetAsked(int chunk) {
        account.forgetAsked(first(chunk), end(chunk) - first(chunk));
    }

    /** Reserved large pages go in whole only. */
    boolean mayPutInSingly() {
        return !shuttle.isHugetlb();
    }

    /** The chunks {@code from .. to-1} have been taken out of the guest's sight: all but these pages is in staging memory. */
    void areAside(int from, int to, PageSet absent) {
        account.areAside(from, to, absent);
        Arrays.fill(states, from, to, State.STAGED);
    }

    /** These chunks, by number, are to be large pages as soon as all of them is here. */
    void preferLarge(PageSet chunks) {
        large.addAll(chunks);
    }

    /**
     * These pages, of one chunk, have come into staging memory. Puts in what is due.
     *
     * @param waited a page that the guest waits for, or -1
     * @param ahead whether the rest of the chunk comes much later
     */
    void arrived(Place place, int chunk, long from, long to, long waited, boolean ahead) {
        if (states[chunk] == State.COMPLETE) {
            return;
        }
        for (long page = from; page < to; page++) {
            if (account.isElsewhere(page, place)) {
                account.cameAside(chunk, page);
            }
        }
        if (account.missing(chunk) == 0) {
            complete(chunk, place);
        } else if (states[chunk] == State.SPLIT || (ahead && mayPutInSingly() && account.missing(chunk) > FEW)) {
            putIn(chunk, from, to);
        } else if (waited >= from && waited < to && mayPutInSingly() && !mayWaitForWhole(chunk)) {
            putIn(chunk, waited, waited + 1);
        }
    }

    /** Whether all that is missing has been asked for, so that the chunk can go in as one very soon. */
    boolean mayWaitForWhole(int chunk) {
        if (states[chunk] != State.STAGED || account.missing(chunk) > FEW) {
            return false;
        }
        for (long page = first(chunk); page < end(chunk); page++) {
            if (mustAsk(page)) {
                return false;
            }
        }
        return true;
    }

    /**
     * The content of these pages, of one chunk, has come. Puts in what is due.
     *
     * @param waited whether the guest waits for one of them
     */
    void arrived(Place place, int chunk, long from, long to, MemorySegment content, boolean waited) {
        if (states[chunk] == State.COMPLETE) {
            return;
        }
        boolean singly = states[chunk] == State.SPLIT || (waited && mayPutInSingly() && !mayWaitForWhole(chunk));
        for (long page = from; page < to; ) {
            if (!account.isElsewhere(page, place)) {
                page++;
                continue;
            }
            long stop = page;
            while (stop < to && account.isElsewhere(stop, place)) {
                account.came(chunk, stop++);
            }
            MemorySegment part =
                    content.asSlice((page - from) << PageSize.SMALL_SHIFT, (stop - page) << PageSize.SMALL_SHIFT);
            if (singly) {
                copyIn(chunk, page, stop, part.address());
            } else {
                staging.segment()
                        .asSlice(page << PageSize.SMALL_SHIFT, part.byteSize())
                        .copyFrom(part);
                account.areStaged(page, stop);
            }
            page = stop;
        }
        if (account.missing(chunk) == 0) {
            complete(chunk, place);
        }
    }

    private void copyIn(int chunk, long first, long end, long from) {
        states[chunk] = State.SPLIT;
        breakUp(chunk);
        lastIn[chunk] = System.nanoTime();
        shuttle.copyIn(first, end, from);
        account.areHere(first, end);
    }

    private void complete(int chunk, Place from) {
        if (states[chunk] == State.SPLIT && mayMerge(chunk, from)) {
            merge(chunk);
            states[chunk] = State.COMPLETE;
        } else {
            complete(chunk);
        }
    }

    /**
     * A merge takes away what the guest has, for a moment: code in Java that touches it then would wait within the virtual
     * machine, which might be stopping its threads, the one that merges included. Such code says what it uses, but for
     * that which sends or saves a guest: and no guest is sent or saved while some of it has still to come.
     */
    private boolean mayMerge(int chunk, Place from) {
        return from.isPassing() && large.contains(chunk) && canBeLarge(chunk) && use.mayLeave(chunk);
    }

    private void complete(int chunk) {
        if (states[chunk] == State.STAGED) {
            putInWhole(chunk);
        } else {
            putIn(chunk, first(chunk), end(chunk));
            shuttle.drop(first(chunk), end(chunk));
        }
        states[chunk] = State.COMPLETE;
    }

    /** As one: it stays a large page. */
    private void putInWhole(int chunk) {
        long end = end(chunk);
        long done = shuttle.in(first(chunk), end);
        if (done < end) {
            // Some page is in use by the kernel just now: a copy is as good, and made whole later.
            breakUp(chunk);
            shuttle.copyIn(done, end);
            shuttle.drop(done, end);
        }
        wentIn(chunk);
    }

    /** The guest has some of it, and what has come since lies ready as a large page: it is one for the guest again. */
    private void merge(int chunk) {
        broken[chunk] = shuttle.merge(first(chunk), account.staged(), chunk % ChunkLocks.COUNT) < end(chunk);
        wentIn(chunk);
    }

    private void wentIn(int chunk) {
        lastIn[chunk] = System.nanoTime();
        account.areHere(first(chunk), end(chunk));
    }

    /** Copies in those of the pages {@code from .. to-1} that are staged. */
    void putIn(int chunk, long from, long to) {
        states[chunk] = State.SPLIT;
        breakUp(chunk);
        PageSet staged = account.staged();
        for (long page = staged.next(from, to); page < to; page = staged.next(page, to)) {
            long stop = staged.nextAbsent(page, to);
            shuttle.copyIn(page, stop);
            account.areHere(page, stop);
            page = stop;
        }
        lastIn[chunk] = System.nanoTime();
    }

    /** The guest gets all that is here of the chunk, whatever is missing. */
    void settle(int chunk) {
        if (states[chunk] == State.COMPLETE) {
            return;
        }
        if (account.missing(chunk) == 0) {
            complete(chunk);
        } else if (mayPutInSingly()) {
            putIn(chunk, first(chunk), end(chunk));
            shuttle.drop(first(chunk), end(chunk));
        }
    }

    /**
     * The touch of a page that is nowhere: it is zeros, inside a large page where there can be one, or later, where the
     * touch has left a page table ({@link #zeroed}). On the pager's thread.
     */
    void zeroFill(int chunk, long page) {
        long first = first(chunk);
        long end = end(chunk);
        boolean untouched = states[chunk] == State.COMPLETE && !broken[chunk];
        if (untouched && canBeLarge(chunk) && shuttle.zeroIn(first, end, chunk % ChunkLocks.COUNT)) {
            account.touched(first, end);
            zeroed.add(chunk);
            return;
        }
        // What was there already, or has just come, stays.
        if (!shuttle.isHugetlb() && shuttle.zeroIn(page)) {
            breakUp(chunk);
            account.touched(page);
        } else {
            shuttle.wake(page);
        }
    }

    /** Whether the guest has the page, as the kernel says: whoever touched it may have been woken before that was read. */
    boolean isHere(long page) {
        return shuttle.isHere(page);
    }

    void wake(long page) {
        shuttle.wake(page);
    }

    /**
     * Takes what the guest has of a chunk out of its sight, into staging memory; a touch brings it back. The guest may
     * run.
     *
     * @param cold of a chunk that is in parts here: the pages to be taken; one that is whole goes as a whole
     * @return how many pages are staged now; 0 when there is nothing to take, or not now
     */
    long takeOut(int chunk, PageSet cold) {
        long first = first(chunk);
        long end = end(chunk);
        if (states[chunk] == State.STAGED || shuttle.isHugetlb()) {
            return 0;
        }
        if (states[chunk] == State.COMPLETE) {
            // What a store delivered once more when all was there is in the way.
            shuttle.drop(first, end);
        }
        shuttle.beginOut(first, end);
        try {
            return states[chunk] == State.COMPLETE ? takeWhole(chunk) : takeParts(chunk, cold);
        } finally {
            shuttle.endOut(first, end);
        }
    }

    private long takeWhole(int chunk) {
        long first = first(chunk);
        long end = end(chunk);
        long done = shuttle.tryOut(first, end);
        if (done > first) {
            account.takenOut(first, done);
            states[chunk] = State.STAGED;
            if (done < end) {
                states[chunk] = State.SPLIT;
                breakUp(chunk);
            }
        }
        return done - first;
    }

    private long takeParts(int chunk, PageSet cold) {
        long end = end(chunk);
        long taken = 0;
        for (long page = first(chunk); page < end; ) {
            long stop = page;
            while (stop < end && cold.contains(stop) && account.isWithGuest(stop)) {
                stop++;
            }
            long done = stop > page ? shuttle.tryOut(page, stop) : page;
            if (done > page) {
                account.takenOut(page, done);
                taken += done - page;
            }
            page = stop + 1;
        }
        return taken;
    }

    /** Chunks that the guest had nothing of, and has zeros since it touched them; once the pager's thread has ended. */
    PageSet zeroed() {
        return zeroed;
    }

    private void breakUp(int chunk) {
        if (!broken[chunk]) {
            broken[chunk] = true;
            broke.incrementAndGet();
        }
    }

    /**
     * What {@link #takeOut} took has been stored: unless the guest has it back.
     *
     * @return how many pages are elsewhere now
     */
    long stored(int chunk, PageSet pages, Leaving.Stored where) {
        long first = first(chunk);
        long end = end(chunk);
        if (states[chunk] == State.COMPLETE) {
            return 0;
        }
        long gone = 0;
        for (long page = pages.next(first, end); page < end; page = pages.next(page + 1, end)) {
            gone += account.stored(chunk, page, where) ? 1 : 0;
        }
        if (gone > 0) {
            // All zeros: the guest has all that there is.
            states[chunk] =
                    account.missing(chunk) == 0 && account.noneIsStaged(first, end) ? State.COMPLETE : State.SPLIT;
            breakUp(chunk);
        }
        if (states[chunk] != State.STAGED && account.noneIsStaged(first, end)) {
            shuttle.drop(first, end);
        }
        return gone;
    }

    private boolean canBeLarge(int chunk) {
        return shuttle.canBeLarge(end(chunk) - first(chunk));
    }

    /** Whether small pages make up a chunk that could be a large page. */
    boolean isCollapsible(int chunk) {
        return states[chunk] == State.COMPLETE && broken[chunk] && canBeLarge(chunk);
    }

    /** Makes one large page of a chunk again, as far as the host has one; the guest may run. */
    void collapse(int chunk) {
        // The kernel holds the process's memory map while it copies: the guest may be waiting for that.
        try (Urgency _ = Urgency.begin()) {
            if (canBeLarge(chunk) && shuttle.collapse(first(chunk))) {
                broken[chunk] = false;
            }
        }
    }

    /** How often a chunk came to be in small pages so far. */
    long broken() {
        return broke.get();
    }
}
