package dev.godwit.agent.paging;

import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * What the pager knows of each page, and how many there are of a kind. It moves nothing: {@link Chunks} does, and says
 * here what it has done. Of a page one thing is true:
 *
 * <ul>
 *   <li><i>staged</i>: its content, or the absence of any, is in staging memory, on its way in or out, whatever the map
 *       says;
 *   <li><i>elsewhere</i>: the map names a place that has a store, and it has not come yet;
 *   <li>otherwise it is with the guest, or all zeros and nowhere.
 * </ul>
 *
 * <p>Threading: what names a page or chunk under the lock of the chunk ({@link Chunks#lockOf}), or, to look at a page,
 * without it for an answer that may be old; sums from any thread.
 */
final class PageAccount {
    private final GuestMemory memory;
    private final PageMap map;
    private final PageSet staged;
    /** Pages that a store has been asked for. */
    private final PageSet asked;
    /** By chunk: how many of its pages are elsewhere. */
    private final int[] missing;
    /** Pages that are elsewhere, by place. */
    private final AtomicLongArray elsewhere = new AtomicLongArray(Place.count());

    private final AtomicLong resident = new AtomicLong();

    /**
     * Of a guest that has all its pages.
     *
     * @param map is kept in step with the account
     */
    PageAccount(Arena arena, GuestMemory memory, PageMap map) {
        this.memory = memory;
        this.map = map;
        this.staged = new PageSet(arena, memory.pages());
        this.asked = new PageSet(arena, memory.pages());
        this.missing = new int[(int) ((memory.pages() + PageSize.SMALL_PER_LARGE - 1) / PageSize.SMALL_PER_LARGE)];
    }

    int chunks() {
        return missing.length;
    }

    long first(int chunk) {
        return (long) chunk * PageSize.SMALL_PER_LARGE;
    }

    long end(int chunk) {
        return Math.min(first(chunk) + PageSize.SMALL_PER_LARGE, memory.pages());
    }

    boolean isStaged(long page) {
        return staged.contains(page);
    }

    boolean isElsewhere(long page) {
        return !staged.contains(page) && map.place(page).hasStore();
    }

    boolean isElsewhere(long page, Place place) {
        return map.place(page) == place && isElsewhere(page);
    }

    boolean isWithGuest(long page) {
        return map.place(page) == Place.RESIDENT && !staged.contains(page);
    }

    /** Those that are staged, to look at. */
    PageSet staged() {
        return staged;
    }

    boolean noneIsStaged(long first, long end) {
        return staged.next(first, end) == end;
    }

    /** How many pages of the chunk are elsewhere. */
    int missing(int chunk) {
        return missing[chunk];
    }

    /** How many pages of all are elsewhere, in that place. */
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

    /** Pages that take memory here, about: with the guest, or in staging memory on their way in or out. */
    AtomicLong resident() {
        return resident;
    }

    /** Whether it is elsewhere, and nobody has been asked for it. */
    boolean mustAsk(long page) {
        return isElsewhere(page) && !asked.contains(page);
    }

    void asked(long first, long count) {
        asked.addRange(first, count);
    }

    /** Whoever was asked has forgotten it. */
    void forgetAsked(long first, long count) {
        asked.removeRange(first, count);
    }

    /** The guest is about to run, and so many pages more are in a place that has a store. */
    void areElsewhere(Place place, long count) {
        elsewhere.addAndGet(place.code(), count);
    }

    /**
     * All of the chunks {@code from .. to-1} is staged but these pages, which are elsewhere. The guest may be waiting for
     * that, so neighbours that lack everything, or nothing, are dealt with at once.
     */
    void areAside(int from, int to, PageSet absent) {
        long end = end(to - 1);
        for (int chunk = from, alike; chunk < to; chunk = alike) {
            alike = wholeUpTo(absent.nextAbsent(first(chunk), end), to);
            if (alike > chunk) {
                lackAll(chunk, alike);
                continue;
            }
            alike = wholeUpTo(absent.next(first(chunk), end), to);
            if (alike > chunk) {
                staged.addRange(first(chunk), end(alike - 1) - first(chunk));
                Arrays.fill(missing, chunk, alike, 0);
            } else {
                isAside(chunk, absent);
                alike = chunk + 1;
            }
        }
    }

    /** The first chunk that does not lie wholly below a page; {@code to} if none of those before it. */
    private int wholeUpTo(long page, int to) {
        return page == end(to - 1) ? to : Chunks.of(page);
    }

    private void lackAll(int from, int to) {
        staged.removeRange(first(from), end(to - 1) - first(from));
        Arrays.fill(missing, from, to, PageSize.SMALL_PER_LARGE);
        missing[to - 1] = (int) (end(to - 1) - first(to - 1));
    }

    private void isAside(int chunk, PageSet absent) {
        long first = first(chunk);
        long end = end(chunk);
        staged.addRange(first, end - first);
        for (long word = first / Long.SIZE; word * Long.SIZE < end; word++) {
            staged.setWord(word, staged.word(word) & ~absent.word(word));
        }
        missing[chunk] = (int) absent.cardinality(first, end);
    }

    /** A page that was elsewhere has come into staging memory. */
    void cameAside(int chunk, long page) {
        staged.add(page);
        resident.incrementAndGet();
        came(chunk, page);
    }

    /** A page that was elsewhere has come; {@link #areStaged} or {@link #areHere} says where to. */
    void came(int chunk, long page) {
        elsewhere.decrementAndGet(map.place(page).code());
        asked.remove(page);
        missing[chunk]--;
    }

    /** These pages are in staging memory. */
    void areStaged(long first, long end) {
        staged.addRange(first, end - first);
        resident.addAndGet(end - first);
    }

    /** The guest has these pages. */
    void areHere(long first, long end) {
        long came = 0;
        for (long page = staged.nextAbsent(first, end); page < end; page = staged.nextAbsent(page + 1, end)) {
            // What was staged, or is with the guest since before, counts already.
            came += map.place(page) == Place.RESIDENT ? 0 : 1;
        }
        resident.addAndGet(came);
        staged.removeRange(first, end - first);
        // Before the map says so: whoever copies the guest meanwhile finds the page in one or the other.
        memory.markPagesWritten(first, end - first);
        map.setRange(first, end - first, Place.RESIDENT);
    }

    /** The guest has a chunk of zeros, where it had nothing. */
    void touched(long first, long end) {
        resident.addAndGet(end - first);
    }

    /** The guest has a page of zeros, where it had nothing. */
    void touched(long page) {
        resident.incrementAndGet();
        if (map.place(page) == Place.ZERO) {
            map.set(page, Place.RESIDENT, 0);
        }
    }

    /** The guest had these pages, and they have been taken into staging memory. */
    void takenOut(long first, long end) {
        staged.addRange(first, end - first);
    }

    /**
     * What was staged has been stored.
     *
     * @return false when it is not staged any more, and so with the guest
     */
    boolean stored(int chunk, long page, Leaving.Stored where) {
        if (!staged.contains(page)) {
            return false;
        }
        staged.remove(page);
        resident.decrementAndGet();
        where.into(map, page);
        if (map.place(page).hasStore()) {
            missing[chunk]++;
            elsewhere.incrementAndGet(map.place(page).code());
        }
        return true;
    }

    /** The pages {@code first .. end-1} that are staged, into {@code into}. */
    void collectStaged(long first, long end, PageSet into) {
        for (long page = staged.next(first, end); page < end; page = staged.next(page + 1, end)) {
            into.add(page);
        }
    }
}
