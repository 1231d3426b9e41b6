package dev.godwit.host.memory;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A set of pages as an off-heap bitmap, one bit a page, in the layout of KVM's dirty log (bit {@code p % 64} of
 * little-endian word {@code p / 64}).
 *
 * <p>Threading: none of its own; one thread at a time, or the owner's lock. Off-heap memory is freed when the arena it
 * was made in closes.
 */
public final class PageSet {
    private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG;

    /** So many words are filled at once. */
    private static final long BULK = 64;

    private final MemorySegment words;
    private final long pages;

    /**
     * An empty set over pages {@code 0 .. pages-1}.
     *
     * @param arena owns the bitmap
     * @param pages the number of pages, at least 0
     */
    public PageSet(Arena arena, long pages) {
        this.pages = pages;
        // Eight words of slack keep the slices that KVM reads in whole 64-page units inside the bitmap.
        this.words = arena.allocate(((pages + 63) >>> 6) * 8 + 64, 64);
    }

    /** The number of pages the set ranges over. */
    public long pages() {
        return pages;
    }

    /** The number of 64-bit words that hold it. */
    public long wordCount() {
        return (pages + 63) >>> 6;
    }

    /** The bitmap itself: for system calls that fill it. */
    public MemorySegment segment() {
        return words;
    }

    public long word(long index) {
        return words.getAtIndex(WORD, index);
    }

    public void setWord(long index, long value) {
        words.setAtIndex(WORD, index, value);
    }

    /** Adds the pages of the mask to the 64 pages of word {@code index}; returns how many were new. */
    public int orWord(long index, long mask) {
        long old = word(index);
        setWord(index, old | mask);
        return Long.bitCount(mask & ~old);
    }

    public boolean contains(long page) {
        return ((word(page >>> 6) >>> page) & 1) != 0;
    }

    public void add(long page) {
        check(page, 1);
        setWord(page >>> 6, word(page >>> 6) | (1L << page));
    }

    public void remove(long page) {
        check(page, 1);
        setWord(page >>> 6, word(page >>> 6) & ~(1L << page));
    }

    /** Adds {@code count} pages from {@code first}. */
    public void addRange(long first, long count) {
        putRange(first, count, -1);
    }

    /** Removes {@code count} pages from {@code first}. */
    public void removeRange(long first, long count) {
        putRange(first, count, 0);
    }

    /** @param bits -1 to add, 0 to remove */
    private void putRange(long first, long count, long bits) {
        check(first, count);
        long end = first + count;
        // In one call, which costs an object, instead of a loop that Java may not have compiled.
        long firstWhole = (first + 63) >>> 6;
        long wholes = (end >>> 6) - firstWhole;
        if (wholes < BULK) {
            putWithinWords(first, end, bits);
            return;
        }
        putWithinWords(first, firstWhole << 6, bits);
        words.asSlice(firstWhole * Long.BYTES, wholes * Long.BYTES).fill((byte) bits);
        putWithinWords((firstWhole + wholes) << 6, end, bits);
    }

    private void putWithinWords(long first, long end, long bits) {
        for (long page = first; page < end; ) {
            long index = page >>> 6;
            long stop = Math.min(end, (index + 1) << 6);
            long mask = mask(page, stop);
            setWord(index, (word(index) & ~mask) | (bits & mask));
            page = stop;
        }
    }

    public void addAll() {
        addRange(0, pages);
    }

    /** Adds the pages of {@code other}, a set over the same pages. */
    public void addAll(PageSet other) {
        for (long i = 0, n = wordCount(); i < n; i++) {
            setWord(i, word(i) | other.word(i));
        }
    }

    /** Removes the pages of {@code other}, a set over the same pages. */
    public void removeAll(PageSet other) {
        for (long i = 0, n = wordCount(); i < n; i++) {
            setWord(i, word(i) & ~other.word(i));
        }
    }

    /** Adds the other pages of each 2 MiB chunk that it has some of. */
    public void widenToChunks() {
        for (long first = 0; first < pages; first += PageSize.SMALL_PER_LARGE) {
            long end = Math.min(first + PageSize.SMALL_PER_LARGE, pages);
            if (next(first, end) < end) {
                addRange(first, end - first);
            }
        }
    }

    /** Whether it has all or none of each 2 MiB chunk. */
    public boolean isOfWholeChunks() {
        for (long first = 0; first < pages; first += PageSize.SMALL_PER_LARGE) {
            long end = Math.min(first + PageSize.SMALL_PER_LARGE, pages);
            if (next(first, end) < end && nextAbsent(first, end) < end) {
                return false;
            }
        }
        return true;
    }

    public void clear() {
        words.fill((byte) 0);
    }

    /** The number of pages in the set. */
    public long cardinality() {
        return cardinality(0, pages);
    }

    /** The number of pages of the set among {@code first .. end-1}. */
    public long cardinality(long first, long end) {
        long count = 0;
        for (long page = first; page < end; ) {
            long index = page >>> 6;
            long stop = Math.min(end, (index + 1) << 6);
            count += Long.bitCount(word(index) & mask(page, stop));
            page = stop;
        }
        return count;
    }

    public boolean isEmpty() {
        for (long i = 0, n = wordCount(); i < n; i++) {
            if (word(i) != 0) {
                return false;
            }
        }
        return true;
    }

    /** The first page of the set from {@code from} and below {@code end}, or {@code end}. */
    public long next(long from, long end) {
        return scan(from, end, 0);
    }

    /** The first page from {@code from} and below {@code end} that is not in the set, or {@code end}. */
    public long nextAbsent(long from, long end) {
        return scan(from, end, -1);
    }

    private long scan(long from, long end, long flip) {
        if (from >= end) {
            return end;
        }
        long index = from >>> 6;
        long bits = (word(index) ^ flip) & (-1L << from);
        long last = (end - 1) >>> 6;
        while (bits == 0) {
            if (++index > last) {
                return end;
            }
            bits = word(index) ^ flip;
        }
        return Math.min(end, (index << 6) + Long.numberOfTrailingZeros(bits));
    }

    /** Bits {@code from % 64 ..} up to {@code stop}, which lies in the same word or at its end. */
    private static long mask(long from, long stop) {
        return (-1L << from) & (-1L >>> -stop);
    }

    private void check(long first, long count) {
        if (first < 0 || count < 0 || first > pages - count) {
            throw new IndexOutOfBoundsException("pages " + first + " + " + count + " of " + pages);
        }
    }
}
