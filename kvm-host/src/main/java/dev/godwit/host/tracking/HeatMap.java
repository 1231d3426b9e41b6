package dev.godwit.host.tracking;

import dev.godwit.host.memory.PageSet;
import java.lang.foreign.Arena;

/**
 * How hot each small page of a guest was at one moment: a level of 0 (never accessed, as far as is known) to 255, eight
 * to an octave of accesses a second.
 *
 * <p>Threading: immutable once handed out.
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

    private final byte[] levels;

    /** Nothing is hot. */
    HeatMap(long pages) {
        this(new byte[Math.toIntExact(pages)]);
    }

    /** Of these levels, one a page, which nobody changes any more. */
    public HeatMap(byte[] levels) {
        this.levels = levels;
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
        levels[(int) page] = (byte) level;
    }

    public long pages() {
        return levels.length;
    }

    /** The level of a page. */
    public int level(long page) {
        return Byte.toUnsignedInt(levels[(int) page]);
    }

    /** How many pages have at least this level. */
    public long countAtLeast(int level) {
        long count = 0;
        for (byte its : levels) {
            count += Byte.toUnsignedInt(its) >= level ? 1 : 0;
        }
        return count;
    }

    /** The hottest pages, {@code most} of them or as many as were accessed at all; of equals those of low numbers. */
    public PageSet hottest(Arena arena, long most) {
        long[] have = new long[HOTTEST + 1];
        for (byte level : levels) {
            have[Byte.toUnsignedInt(level)]++;
        }
        int least = HOTTEST;
        long left = most;
        while (least > 0 && have[least] <= left) {
            left -= have[least--];
        }
        PageSet set = new PageSet(arena, pages());
        for (int first = 0; first < levels.length; first += Long.SIZE) {
            long word = 0;
            for (int page = first; page < Math.min(first + Long.SIZE, levels.length); page++) {
                int level = level(page);
                if (level > least || (level == least && level > 0 && left-- > 0)) {
                    word |= 1L << page;
                }
            }
            set.setWord(first / Long.SIZE, word);
        }
        return set;
    }
}
