package dev.godwit.host.tracking;

import dev.godwit.host.memory.PageSize;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * How often each page of a guest is accessed: two bytes a page, off-heap, and a few numbers for each 2 MiB region.
 *
 * <p>A page keeps in how many looks at it an access was seen, its region how many looks there were and how long they
 * took. If accesses come at random at rate r, a look of length t sees one with probability 1 − exp(−rt): that gives r,
 * also of pages that are seen nearly always. A region that was looked at as a whole gives its pages' rate as long as
 * nobody has looked at them. What was seen one half-life ago counts half; what nobody looks at keeps its rate.
 *
 * <p>The two bytes are a logarithm, of 2048 steps an octave; sums are rounded up or down at random, so that small
 * additions are right on average. Decay costs nothing: newer additions weigh more, and now and then all are shifted.
 *
 * <p>Threading: one thread at a time, or the owner's lock. Allocates nothing after construction.
 */
public final class Heat {
    private static final int PER_REGION = PageSize.SMALL_PER_LARGE;
    private static final int STEPS = 2048;
    private static final int MOST = 0xffff;
    private static final double LEAST = 1.0 / 256;
    private static final int REBASE_OCTAVES = 4;
    /** The prior counts like half a look. */
    private static final double PRIOR_LOOKS = 0.5;

    private final MemorySegment seen;
    private final long pages;
    private double halfLifeNanos;
    private final double[] looks;
    private final double[] lookSeconds;
    private final double[] regionAccesses;
    private final double[] regionSeconds;
    private long base;
    private double weight = 1;
    private long random = 0x9e3779b97f4a7c15L;

    /**
     * Knows nothing yet.
     *
     * @param arena owns the memory
     * @param pages of the guest
     * @param halfLifeNanos after which what was seen counts half, above 0
     * @param now {@link System#nanoTime}
     */
    public Heat(Arena arena, long pages, long halfLifeNanos, long now) {
        if (halfLifeNanos <= 0) {
            throw new IllegalArgumentException("a half-life is above 0, not " + halfLifeNanos + " ns");
        }
        this.pages = pages;
        this.seen = arena.allocate(pages * Short.BYTES, Short.BYTES);
        this.halfLifeNanos = halfLifeNanos;
        this.base = now;
        int regions = Math.toIntExact((pages + PER_REGION - 1) / PER_REGION);
        looks = new double[regions];
        lookSeconds = new double[regions];
        regionAccesses = new double[regions];
        regionSeconds = new double[regions];
    }

    public long pages() {
        return pages;
    }

    public int regions() {
        return looks.length;
    }

    /** What is known forgets in this time from now on; see {@link #Heat}. */
    public void halfLife(long nanos, long now) {
        at(now);
        base = now - Math.round((now - base) * (nanos / halfLifeNanos));
        halfLifeNanos = nanos;
    }

    /** What is added from here on was seen at this time, which never goes back. */
    public void at(long now) {
        double octaves = (now - base) / halfLifeNanos;
        int rebase = ((int) Math.min(64, octaves / REBASE_OCTAVES)) * REBASE_OCTAVES;
        if (rebase > 0) {
            base = octaves > 64 ? now : base + (long) (rebase * halfLifeNanos);
            forget(rebase);
        }
        weight = Math.pow(2, (now - base) / halfLifeNanos);
    }

    private void forget(int octaves) {
        for (long page = 0; page < pages; page++) {
            set(page, Math.max(0, get(page) - octaves * STEPS));
        }
        double factor = Math.pow(2, -octaves);
        for (double[] sums : new double[][] {looks, lookSeconds, regionAccesses, regionSeconds}) {
            for (int i = 0; i < sums.length; i++) {
                sums[i] *= factor;
            }
        }
    }

    /** There was a look at each page of a region. */
    public void looked(int region, long nanos) {
        looks[region] += weight;
        lookSeconds[region] += weight * nanos / 1e9;
    }

    /** An access to the page was seen in the look at its region that is added, too. */
    public void seen(long page) {
        add(page, 1);
    }

    /**
     * There was a look at a region as a whole.
     *
     * @param accessed whether an access was seen, which ended the look
     */
    public void lookedAtWhole(int region, boolean accessed, long nanos) {
        regionAccesses[region] += accessed ? weight : 0;
        regionSeconds[region] += weight * nanos / 1e9;
    }

    /** The page was written at least once in this time; of pages that were not nothing is known. */
    public void written(long page, long nanos) {
        int region = (int) (page / PER_REGION);
        if (looks[region] == 0) {
            looked(region, nanos);
        }
        // What a look of this region's length would see of an access in that time.
        double look = lookSeconds[region] / looks[region] * 1e9;
        add(page, Math.min(1, look / Math.max(1, nanos)));
    }

    /** Accesses a second to a page. */
    public double rate(long page) {
        return rate((int) (page / PER_REGION), get(page));
    }

    /** Tells a map the level of each page. */
    void levels(HeatMap map) {
        short[] steps = new short[PER_REGION];
        for (int region = 0; region < looks.length; region++) {
            long first = (long) region * PER_REGION;
            long end = Math.min(pages, first + PER_REGION);
            // Of nearly all, and a rate takes two logarithms.
            int unseen = HeatMap.levelOf(rate(region, 0));
            MemorySegment.copy(seen, ValueLayout.JAVA_SHORT, first * Short.BYTES, steps, 0, (int) (end - first));
            for (int i = 0; i < end - first; i++) {
                int step = Short.toUnsignedInt(steps[i]);
                map.set(first + i, step == 0 ? unseen : HeatMap.levelOf(rate(region, step)));
            }
        }
    }

    private double rate(int region, int step) {
        double prior = regionRate(region) / PER_REGION;
        if (looks[region] == 0) {
            return prior;
        }
        double length = lookSeconds[region] / looks[region];
        double n = looks[region] / weight;
        double expected = Math.min(1, prior * length);
        double hits = (value(step) / weight + PRIOR_LOOKS * expected) / (n + PRIOR_LOOKS);
        return -Math.log1p(-Math.min(hits, 1 - 0.25 / (n + 1))) / length;
    }

    /** Accesses a second to a region, as looks at it as a whole say; 0 if there were none. */
    public double regionRate(int region) {
        return regionSeconds[region] == 0 ? 0 : regionAccesses[region] / regionSeconds[region];
    }

    /** Whether there was a look at the region as a whole. */
    public boolean isRegionKnown(int region) {
        return regionSeconds[region] > 0;
    }

    private void add(long page, double count) {
        double sum = value(get(page)) + count * weight;
        int low = sum < LEAST ? 0 : Math.min(MOST - 1, 1 + (int) (STEPS * Math.log(sum / LEAST) / Math.log(2)));
        double part = (sum - value(low)) / (value(low + 1) - value(low));
        set(page, low + (chance() < part ? 1 : 0));
    }

    private static double value(int step) {
        return step == 0 ? 0 : LEAST * Math.pow(2, (step - 1) / (double) STEPS);
    }

    /** Uniform in 0 .. 1. */
    private double chance() {
        random ^= random << 13;
        random ^= random >>> 7;
        random ^= random << 17;
        return (random >>> 11) * 0x1p-53;
    }

    private int get(long page) {
        return Short.toUnsignedInt(seen.get(ValueLayout.JAVA_SHORT, page * Short.BYTES));
    }

    private void set(long page, int step) {
        seen.set(ValueLayout.JAVA_SHORT, page * Short.BYTES, (short) step);
    }
}
