package dev.godwit.agent.paging;

import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.MissingPages;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * The 2 MiB chunks of a guest's memory while some of their pages are elsewhere: how they are assembled aside, in staging
 * memory, and put where the guest sees them, and how they are taken out of its sight.
 *
 * <pre>
 *               some page is elsewhere                all are here: one move, a large page stays large
 *   COMPLETE ──────────────────────────▶ STAGED ─────────────────────────────────────────────▶ COMPLETE
 *            ──────────────────────────▶        ─────────────▶ SPLIT
 *               evicted: one move out      │     stored elsewhere
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

    /** Chunks that can be worked on at a time. */
    static final int LOCKS = 64;

    private enum State {
        COMPLETE,
        STAGED,
        SPLIT
    }

    private final Shuttle shuttle;
    private final GuestMemory memory;
    private final GuestMemory staging;
    private final State[] states;
    private final int[] missing;
    private final PageMap map;
    /** Of chunks that are not COMPLETE: pages whose content, or absence of any, is in staging memory. */
    private final PageSet staged;
    /** Pages that a store has been asked for. */
    private final PageSet asked;
    /** Chunks that went in page by page and are not large pages again. */
    private final boolean[] broken;

    private final AtomicLong broke = new AtomicLong();
    /** When a page of the chunk last went in, by {@link System#nanoTime}. */
    private final long[] lastIn;

    /** When code in Java last said that it uses the chunk. */
    private final long[] usedAt;
    /** Chunks that code in Java uses again and again. */
    private final boolean[] kept;

    /** Pages that are elsewhere, by place. */
    private final AtomicLongArray elsewhere = new AtomicLongArray(Place.count());

    /** Pages that the guest has, about: chunks that are not all there count as if they were. */
    private final AtomicLong resident = new AtomicLong();

    private final Object[] locks = new Object[LOCKS];
    private final PageSet large;

    Chunks(Arena arena, Shuttle shuttle, GuestMemory memory, GuestMemory staging, PageMap map) {
        this.shuttle = shuttle;
        this.memory = memory;
        this.staging = staging;
        this.map = map;
        int chunks = (int) ((memory.pages() + PageSize.SMALL_PER_LARGE - 1) / PageSize.SMALL_PER_LARGE);
        this.states = new State[chunks];
        Arrays.fill(states, State.COMPLETE);
        this.missing = new int[chunks];
        this.staged = new PageSet(arena, memory.pages());
        this.asked = new PageSet(arena, memory.pages());
        this.large = new PageSet(arena, chunks);
        this.broken = new boolean[chunks];
        this.lastIn = new long[chunks];
        Arrays.fill(lastIn, System.nanoTime());
        this.usedAt = new long[chunks];
        Arrays.fill(usedAt, System.nanoTime() - MissingPages.USE_NANOS);
        this.kept = new boolean[chunks];
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

    /** How many pages of all are in that place. */
    long elsewhere(Place place) {
        return elsewhere.get(place.code());
    }

    /** How many pages of all are in places that they leave by themselves. */
    long passing() {
        return elsewhere(Place.AT_SOURCE) + elsewhere(Place.ON_DISK);
    }

    /** How many pages of all are elsewhere. */
    long elsewhere() {
        long sum = 0;
        for (int place = 0; place < elsewhere.length(); place++) {
            sum += elsewhere.get(place);
        }
        return sum;
    }

    AtomicLong resident() {
        return resident;
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
        return staged.contains(page);
    }

    /** Whether the page is elsewhere and has not come yet. */
    boolean isElsewhere(long page) {
        return !staged.contains(page) && map.place(page).hasStore();
    }

    private boolean isIn(long page, Place place) {
        return map.place(page) == place && isElsewhere(page);
    }

    /** Whether it is elsewhere, and nobody has been asked for it. */
    boolean mustAsk(long page) {
        return isElsewhere(page) && !asked.contains(page);
    }

    void asked(long first, long count) {
        asked.addRange(first, count);
    }

    /** Whoever was asked has forgotten it. */
    void forgetAsked(int chunk) {
        asked.removeRange(first(chunk), end(chunk) - first(chunk));
    }

    /** Reserved large pages go in whole only. */
    boolean mayPutInSingly() {
        return !shuttle.isHugetlb();
    }

    /**
     * Takes all chunks that lack a page out of the guest's sight, whatever stale content it has in place of pages that are
     * elsewhere. The staging range is registered too. The guest is paused, and nobody looks at a chunk.
     *
     * @param absent the pages that the map says are elsewhere
     */
    void takeAside(PageSet absent) {
        for (int chunk = 0; chunk < count(); ) {
            long first = first(chunk);
            int stop = chunk + 1;
            if (absent.next(first, end(chunk)) == end(chunk)) {
                chunk = stop;
                continue;
            }
            long gone = absent.nextAbsent(first, memory.pages());
            if (gone < end(chunk)) {
                shuttle.out(first, end(chunk));
            } else {
                // All that lack everything in one call.
                stop = gone == memory.pages() ? count() : of(gone);
                shuttle.forget(first, end(stop - 1));
            }
            for (; chunk < stop; chunk++) {
                isAside(chunk, absent);
            }
        }
    }

    /** So many pages are elsewhere when the guest begins to run, by the codes of their places. */
    void areElsewhere(long[] counts) {
        for (Place place : Place.values()) {
            elsewhere.set(place.code(), place.hasStore() ? counts[place.code()] : 0);
        }
    }

    /**
     * The chunk has been taken out of the guest's sight: all but these pages is in staging memory. The guest may be
     * waiting for that, so nothing is done page by page that can be done by words.
     */
    void isAside(int chunk, PageSet absent) {
        long first = first(chunk);
        long end = end(chunk);
        int missed = (int) absent.cardinality(first, end);
        staged.addRange(first, end - first);
        for (long word = first / Long.SIZE; word * Long.SIZE < end; word++) {
            staged.setWord(word, staged.word(word) & ~absent.word(word));
        }
        missing[chunk] = missed;
        states[chunk] = State.STAGED;
    }

    /** These chunks, by number, are to be large pages as soon as all of them is here. */
    void preferLarge(PageSet chunks) {
        large.addAll(chunks);
    }

    /**
     * These pages, of one chunk, have come into staging memory. Puts in what is due.
     *
     * @param waited a page that the guest waits for, or -1
     */
    void arrived(Place place, int chunk, long from, long to, long waited) {
        if (states[chunk] == State.COMPLETE) {
            return;
        }
        for (long page = from; page < to; page++) {
            if (isIn(page, place)) {
                staged.add(page);
                came(chunk, page);
            }
        }
        if (missing[chunk] == 0) {
            complete(chunk);
        } else if (states[chunk] == State.SPLIT) {
            putIn(chunk, from, to);
        } else if (waited >= from && waited < to && mayPutInSingly() && !mayWaitForWhole(chunk)) {
            putIn(chunk, waited, waited + 1);
        }
    }

    /** Whether all that is missing has been asked for, so that the chunk can go in as one very soon. */
    boolean mayWaitForWhole(int chunk) {
        if (states[chunk] != State.STAGED || missing[chunk] > FEW) {
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
            if (!isIn(page, place)) {
                page++;
                continue;
            }
            long stop = page;
            while (stop < to && isIn(stop, place)) {
                came(chunk, stop++);
            }
            MemorySegment part =
                    content.asSlice((page - from) << PageSize.SMALL_SHIFT, (stop - page) << PageSize.SMALL_SHIFT);
            if (singly) {
                copyIn(chunk, page, stop, part.address());
            } else {
                staging.segment()
                        .asSlice(page << PageSize.SMALL_SHIFT, part.byteSize())
                        .copyFrom(part);
                staged.addRange(page, stop - page);
            }
            page = stop;
        }
        if (missing[chunk] == 0) {
            complete(chunk);
        }
    }

    private void came(int chunk, long page) {
        elsewhere.decrementAndGet(map.place(page).code());
        asked.remove(page);
        missing[chunk]--;
    }

    private void copyIn(int chunk, long first, long end, long from) {
        states[chunk] = State.SPLIT;
        breakUp(chunk);
        lastIn[chunk] = System.nanoTime();
        shuttle.copyIn(first, end, from);
        nowHere(first, end);
    }

    /** Marked before the map says so: whoever copies the guest meanwhile finds the page in one or the other. */
    private void nowHere(long first, long end) {
        memory.markPagesWritten(first, end - first);
        map.setRange(first, end - first, Place.RESIDENT);
        resident.addAndGet(end - first);
    }

    private void complete(int chunk) {
        long first = first(chunk);
        long end = end(chunk);
        if (states[chunk] == State.STAGED) {
            putInWhole(chunk);
        } else if (large.contains(chunk) && shuttle.canBeLarge(end - first)) {
            merge(chunk);
        } else {
            putIn(chunk, first, end);
            shuttle.drop(first, end);
        }
        states[chunk] = State.COMPLETE;
    }

    private void putInWhole(int chunk) {
        wentIn(chunk, shuttle.in(first(chunk), end(chunk)));
    }

    /** The guest has some of it, and what has come since lies ready as a large page: it is one for the guest again. */
    private void merge(int chunk) {
        long first = first(chunk);
        long end = end(chunk);
        broken[chunk] = shuttle.merge(first, staged, chunk % LOCKS) < end;
        isIn(first, end, chunk);
    }

    private void wentIn(int chunk, long done) {
        long first = first(chunk);
        long end = end(chunk);
        if (done < end) {
            // Some page is in use by the kernel just now: a copy is as good, and made whole later.
            breakUp(chunk);
            shuttle.copyIn(done, end);
            shuttle.drop(done, end);
        }
        isIn(first, end, chunk);
    }

    private void isIn(long first, long end, int chunk) {
        staged.removeRange(first, end - first);
        lastIn[chunk] = System.nanoTime();
        nowHere(first, end);
    }

    /** Copies in those of the pages {@code from .. to-1} that are staged. */
    void putIn(int chunk, long from, long to) {
        states[chunk] = State.SPLIT;
        breakUp(chunk);
        for (long page = staged.next(from, to); page < to; page = staged.next(page, to)) {
            long stop = staged.nextAbsent(page, to);
            shuttle.copyIn(page, stop);
            staged.removeRange(page, stop - page);
            nowHere(page, stop);
            page = stop;
        }
        lastIn[chunk] = System.nanoTime();
    }

    /** The guest gets all that is here of the chunk, whatever is missing. */
    void settle(int chunk) {
        if (states[chunk] == State.COMPLETE) {
            return;
        }
        if (missing[chunk] == 0) {
            complete(chunk);
        } else if (mayPutInSingly()) {
            putIn(chunk, first(chunk), end(chunk));
            shuttle.drop(first(chunk), end(chunk));
        }
    }

    /** The touch of a page that is nowhere: it is zeros, inside a large page where there can be one. */
    void zeroFill(int chunk, long page) {
        long first = first(chunk);
        long end = end(chunk);
        boolean untouched = states[chunk] == State.COMPLETE && !broken[chunk];
        if (untouched && shuttle.canBeLarge(end - first) && shuttle.zeroIn(first, end, chunk % LOCKS)) {
            resident.addAndGet(end - first);
            return;
        }
        // What was there already, or has just come, stays.
        if (!shuttle.isHugetlb() && shuttle.zeroIn(page)) {
            breakUp(chunk);
            resident.incrementAndGet();
            if (map.place(page) == Place.ZERO) {
                map.set(page, Place.RESIDENT, 0);
            }
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
        if (states[chunk] == State.STAGED || shuttle.isHugetlb() || !mayLeave(chunk)) {
            return 0;
        }
        if (states[chunk] == State.COMPLETE) {
            // What a store delivered once more when all was there is in the way.
            shuttle.drop(first, end);
        }
        shuttle.beginOut(first, end);
        try {
            long taken = states[chunk] == State.COMPLETE ? takeWhole(chunk) : takeParts(chunk, cold);
            resident.addAndGet(-taken);
            return taken;
        } finally {
            shuttle.endOut(first, end);
        }
    }

    void used(int chunk) {
        usedAt[chunk] = System.nanoTime();
    }

    void keep(int chunk) {
        kept[chunk] = true;
    }

    /** Not what code in Java uses: it must not wait for a page. */
    boolean mayLeave(int chunk) {
        return !kept[chunk] && System.nanoTime() - usedAt[chunk] >= MissingPages.USE_NANOS;
    }

    private long takeWhole(int chunk) {
        long first = first(chunk);
        long end = end(chunk);
        long done = shuttle.tryOut(first, end);
        if (done > first) {
            staged.addRange(first, done - first);
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
            while (stop < end && cold.contains(stop) && isWithGuest(stop)) {
                stop++;
            }
            long done = stop > page ? shuttle.tryOut(page, stop) : page;
            if (done > page) {
                staged.addRange(page, done - page);
                taken += done - page;
            }
            page = stop + 1;
        }
        return taken;
    }

    private boolean isWithGuest(long page) {
        return map.place(page) == Place.RESIDENT && !staged.contains(page);
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
    long stored(int chunk, PageSet pages, Pager.Stored where) {
        long first = first(chunk);
        long end = end(chunk);
        if (states[chunk] == State.COMPLETE) {
            return 0;
        }
        long gone = 0;
        for (long page = pages.next(first, end); page < end; page = pages.next(page + 1, end)) {
            if (staged.contains(page)) {
                staged.remove(page);
                where.into(map, page);
                if (map.place(page).hasStore()) {
                    missing[chunk]++;
                    elsewhere.incrementAndGet(map.place(page).code());
                }
                gone++;
            }
        }
        if (gone > 0) {
            // All zeros: the guest has all that there is.
            states[chunk] = missing[chunk] == 0 && staged.next(first, end) == end ? State.COMPLETE : State.SPLIT;
            breakUp(chunk);
        }
        if (states[chunk] != State.STAGED && staged.next(first, end) == end) {
            shuttle.drop(first, end);
        }
        return gone;
    }

    /** Whether small pages make up a chunk that could be a large page. */
    boolean isCollapsible(int chunk) {
        return states[chunk] == State.COMPLETE && broken[chunk] && shuttle.canBeLarge(end(chunk) - first(chunk));
    }

    /** Makes one large page of a chunk again, as far as the host has one; the guest may run. */
    void collapse(int chunk) {
        if (shuttle.canBeLarge(end(chunk) - first(chunk)) && shuttle.collapse(first(chunk))) {
            broken[chunk] = false;
        }
    }

    /** How often a chunk came to be in small pages so far. */
    long broken() {
        return broke.get();
    }
}
