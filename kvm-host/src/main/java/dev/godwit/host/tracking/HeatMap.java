package dev.godwit.host.tracking;

import dev.godwit.host.memory.PageSet;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * How hot each small page of a guest was at one moment: a level of 0 (never accessed, as far as is known) to 255, eight
 * to an octave of accesses a second.
 *
 * <p>Threading: immutable once handed out; lives as long as its arena.
 */
public final class HeatMap {
    /** Levels to an octave. */
    public static final int STEPS = 8;

    /** Levels are 0 to this. */
    public static final int HOTTEST = 255;

    private static final double LEAST = 1.0 / 4096;

    private static final double[] RATES = new double[HOTTEST + 1];

    static {
        for (int level = 1; level <= HOTTEST; level++) {
            RATES[level] = LEAST * Math.pow(2, (level - 1) / (double) STEPS);
        }
    }

    private final MemorySegment levels;

    /** Nothing is hot. */
    HeatMap(Arena arena, long pages) {
        levels = arena.allocate(pages);
    }

    /** A map of these levels, one a page. */
    public static HeatMap of(Arena arena, byte[] levels) {
        HeatMap map = new HeatMap(arena, levels.length);
        for (int page = 0; page < levels.length; page++) {
            map.set(page, levels[page]);
        }
        return map;
    }

    /** The level of a rate in accesses a second. */
    public static int levelOf(double rate) {
        if (!(rate > 0)) {
            return 0;
        }
        return Math.clamp(Math.round(1 + STEPS * Math.log(rate / LEAST) / Math.log(2)), 1, HOTTEST);
    }

    /** The rate of a level in accesses a second. */
    public static double rateOf(int level) {
        return RATES[level];
    }

    void set(long page, int level) {
        levels.set(ValueLayout.JAVA_BYTE, page, (byte) level);
    }

    public long pages() {
        return levels.byteSize();
    }

    /** The level of a page. */
    public int level(long page) {
        return Byte.toUnsignedInt(levels.get(ValueLayout.JAVA_BYTE, page));
    }

    /** The pages of at least this level. */
    public PageSet atLeast(Arena arena, int level) {
        PageSet set = new PageSet(arena, pages());
        for (long page = 0; page < pages(); page++) {
            if (level(page) >= level) {
                set.add(page);
            }
        }
        return set;
    }

    /** The hottest pages, {@code most} of them or as many as were accessed at all; of equals those of low numbers. */
    public PageSet hottest(Arena arena, long most) {
        long[] have = new long[HOTTEST + 1];
        for (long page = 0; page < pages(); page++) {
            have[level(page)]++;
        }
        int level = HOTTEST;
        long left = most;
        while (level > 0 && have[level] <= left) {
            left -= have[level--];
        }
        PageSet set = atLeast(arena, level + 1);
        for (long page = 0; level > 0 && left > 0 && page < pages(); page++) {
            if (level(page) == level) {
                set.add(page);
                left--;
            }
        }
        return set;
    }

    /** The hottest level among {@code first .. end-1}. */
    public int hottestLevel(long first, long end) {
        int hottest = 0;
        for (long page = first; page < end; page++) {
            hottest = Math.max(hottest, level(page));
        }
        return hottest;
    }
}
