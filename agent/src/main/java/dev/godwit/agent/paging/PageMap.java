package dev.godwit.agent.paging;

import dev.godwit.host.memory.PageSet;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * For each 4 KiB page of one guest its {@link Place}, and which one in that place: four bytes a page, off-heap. A new map
 * says RESIDENT of all.
 *
 * <pre>
 *   31    28 27                                   0
 *  ┌────────┬──────────────────────────────────────┐
 *  │ place  │ frame or block, where the place has  │
 *  └────────┴──────────────────────────────────────┘
 * </pre>
 *
 * <p>Threading: entries of one 2 MiB chunk are changed by one thread at a time, which is the pager's business; any thread
 * reads.
 */
public final class PageMap {
    /** Frames or blocks that a place can have: 1 TiB of 4 KiB ones. */
    public static final int MAX_FRAMES = 1 << 28;

    private static final int PLACE_SHIFT = 28;

    private static final int ROW = 512;

    private final MemorySegment entries;
    /** For each place a row of its entries. */
    private final MemorySegment rows;

    private final long pages;

    /**
     * A map of {@code pages} pages, all RESIDENT.
     *
     * @param arena owns the memory
     */
    public PageMap(Arena arena, long pages) {
        this.entries = arena.allocate(ValueLayout.JAVA_INT, Math.max(pages, 1));
        this.pages = pages;
        this.rows = arena.allocate(ValueLayout.JAVA_INT, (long) Place.count() * ROW);
        for (int i = 0; i < Place.count() * ROW; i++) {
            rows.setAtIndex(ValueLayout.JAVA_INT, i, (i / ROW) << PLACE_SHIFT);
        }
    }

    /** How many pages there are. */
    public long pages() {
        return pages;
    }

    public Place place(long page) {
        return Place.of(entry(page) >>> PLACE_SHIFT);
    }

    /** The frame or block in the page's place, if that is where it is; else -1. One look, whoever changes it. */
    public int frameIn(long page, Place place) {
        int entry = entry(page);
        return entry >>> PLACE_SHIFT == place.code() ? entry & (MAX_FRAMES - 1) : -1;
    }

    /** Says where a page is. */
    public void set(long page, Place place, int frame) {
        if (frame < 0 || frame >= MAX_FRAMES) {
            throw new IndexOutOfBoundsException("frame " + frame + " of " + MAX_FRAMES);
        }
        entries.setAtIndex(ValueLayout.JAVA_INT, page, place.code() << PLACE_SHIFT | frame);
    }

    /** Says where {@code count} pages from {@code first} are: a place that has no frames. */
    public void setRange(long first, long count, Place place) {
        // In bulk: a guest may be waiting for it, and code that runs as seldom as this is interpreted.
        for (long done = 0; done < count; done += ROW) {
            long length = Math.min(ROW, count - done) * Integer.BYTES;
            MemorySegment.copy(
                    rows, (long) place.code() * ROW * Integer.BYTES, entries, (first + done) * Integer.BYTES, length);
        }
    }

    /** The pages that are in places with stores, into {@code into}, which has none. */
    public void collectElsewhere(PageSet into) {
        for (long first = 0; first < pages; first += Long.SIZE) {
            long word = 0;
            for (long page = first, end = Math.min(first + Long.SIZE, pages); page < end; page++) {
                word |= place(page).hasStore() ? 1L << page : 0;
            }
            into.setWord(first / Long.SIZE, word);
        }
    }

    /** Says that all of these pages are there: a place that has no frames. */
    public void setAll(PageSet which, Place place) {
        for (long page = which.next(0, pages); page < pages; ) {
            long stop = which.nextAbsent(page, pages);
            setRange(page, stop - page, place);
            page = which.next(stop, pages);
        }
    }

    /** How many of the pages {@code first .. end-1} are there; slow. */
    public long count(long first, long end, Place place) {
        long count = 0;
        for (long page = first; page < end; page++) {
            if (place(page) == place) {
                count++;
            }
        }
        return count;
    }

    private int entry(long page) {
        return entries.getAtIndex(ValueLayout.JAVA_INT, page);
    }
}
