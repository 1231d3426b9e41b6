package dev.godwit.agent.paging;

import dev.godwit.host.memory.PageSet;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

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
    /** 256 KiB of entries, which stay in a processor's cache. */
    private static final long BLOCK = 1 << 16;

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
        // More than a row is copied from what is done: nobody else changes the map then.
        long done = Math.min(ROW, count);
        copy(rows, (long) place.code() * ROW, first, done);
        while (done < count) {
            long more = Math.min(Math.min(done, BLOCK), count - done);
            copy(entries, first, first + done, more);
            done += more;
        }
    }

    private void copy(MemorySegment from, long first, long to, long count) {
        MemorySegment.copy(from, first * Integer.BYTES, entries, to * Integer.BYTES, count * Integer.BYTES);
    }

    /**
     * The pages that are in a place, into {@code into}, which has none: each is there when it is looked at.
     *
     * @return the frame of each of them, in order
     */
    public int[] collect(Place place, PageSet into) {
        Frames frames = new Frames();
        collect(place, into, frames);
        return frames.all();
    }

    /** As {@link #collect}, without their frames. */
    public void collectPages(Place place, PageSet into) {
        collect(place, into, null);
    }

    private void collect(Place place, PageSet into, Frames frames) {
        int[] row = new int[ROW];
        for (long first = 0; first < pages; first += ROW) {
            int count = read(first, pages, row);
            for (int i = 0; i < count; i += Long.SIZE) {
                long word = wordOf(row, i, Math.min(i + Long.SIZE, count), place.code());
                into.setWord((first + i) / Long.SIZE, word);
                if (frames != null) {
                    frames.add(row, i, word);
                }
            }
        }
    }

    /** Copies entries: code that runs as seldom as this is interpreted, and slow in memory that is not Java's. */
    private int read(long first, long end, int[] row) {
        int count = (int) Math.min(ROW, end - first);
        MemorySegment.copy(entries, ValueLayout.JAVA_INT, first * Integer.BYTES, row, 0, count);
        return count;
    }

    private static long wordOf(int[] row, int from, int to, int place) {
        long word = 0;
        for (int i = from; i < to; i++) {
            word |= (row[i] >>> PLACE_SHIFT == place ? 1L : 0) << i;
        }
        return word;
    }

    /** The frames of pages, in their order. */
    private static final class Frames {
        private int[] all = new int[ROW];
        private int count;

        /** Those of a word's pages. */
        void add(int[] row, int from, long word) {
            if (all.length - count < Long.SIZE) {
                all = Arrays.copyOf(all, 2 * all.length);
            }
            for (long left = word; left != 0; left &= left - 1) {
                all[count++] = row[from + Long.numberOfTrailingZeros(left)] & (MAX_FRAMES - 1);
            }
        }

        int[] all() {
            return Arrays.copyOf(all, count);
        }
    }

    /** Says that all of these pages are there, each in its frame, of which there are as many and in their order. */
    public void setAll(PageSet which, Place place, int[] frames) {
        put(which, place, frames);
    }

    /** Says that all of these pages are there: a place that has no frames. */
    public void setAll(PageSet which, Place place) {
        put(which, place, null);
    }

    /** By rows and runs: single pages by a call each are slow, and a guest may be waiting; see {@link #read}. */
    private void put(PageSet which, Place place, int[] frames) {
        int[] row = new int[ROW];
        int next = 0;
        for (long page = which.next(0, pages); page < pages; ) {
            long first = page & -ROW;
            long end = Math.min(first + ROW, pages);
            long stop = frames == null ? which.nextAbsent(page, pages) : page;
            if (stop >= end) {
                setRange(page, stop - page, place);
                end = stop;
            } else {
                int count = read(first, pages, row);
                for (int i = 0; i < count; i += Long.SIZE) {
                    next = fill(row, i, which.word((first + i) / Long.SIZE), place.code(), frames, next);
                }
                MemorySegment.copy(row, 0, entries, ValueLayout.JAVA_INT, first * Integer.BYTES, count);
            }
            page = which.next(end, pages);
        }
    }

    private static int fill(int[] row, int from, long word, int place, int[] frames, int next) {
        int at = next;
        for (long left = word; left != 0; left &= left - 1) {
            int frame = frames == null ? 0 : frames[at++];
            if (frame < 0 || frame >= MAX_FRAMES) {
                throw new IndexOutOfBoundsException("frame " + frame + " of " + MAX_FRAMES);
            }
            row[from + Long.numberOfTrailingZeros(left)] = place << PLACE_SHIFT | frame;
        }
        return at;
    }

    /** How many of the pages {@code first .. end-1} are there. */
    public long count(long first, long end, Place place) {
        int[] row = new int[ROW];
        long count = 0;
        for (long at = first; at < end; at += ROW) {
            count += count(row, read(at, end, row), place.code());
        }
        return count;
    }

    private static int count(int[] row, int length, int place) {
        int count = 0;
        for (int i = 0; i < length; i++) {
            count += row[i] >>> PLACE_SHIFT == place ? 1 : 0;
        }
        return count;
    }

    private int entry(long page) {
        return entries.getAtIndex(ValueLayout.JAVA_INT, page);
    }
}
