package dev.godwit.host.tracking;

import dev.godwit.host.memory.Backing;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import java.lang.foreign.Arena;
import java.util.Arrays;

/**
 * Where to look: at 2 MiB regions in turn, or at the small pages of the chunks that are most worth it, which are hot ones
 * and those that were not looked at for long.
 *
 * <p>Threading: the tracker's thread; it reads heat under the heat's lock.
 */
final class LookChoice {
    /** Several at once, so that they are compared in one look; few, since each is made whole again afterwards. */
    private static final int MOST_SPLIT = 8;

    private static final int PER_CHUNK = PageSize.SMALL_PER_LARGE;

    /** More than a guest can have: of 2 TiB. */
    private static final long CHUNK_NUMBERS = 1 << 20;

    private static final long BACKING_AGE = 5_000_000_000L;
    private static final long LONGEST_LOOK = 500_000_000L;
    /** Memory that is broken up for a look is not kept so for long. */
    private static final long LONGEST_SPLIT = 200_000_000L;

    /** A look at small pages tells most, for its faults, when it ends with about this part of them seen. */
    private static final int PART_SEEN = 4;

    private final Arena arena;
    private final GuestMemory memory;
    private final Heat heat;
    private final AccessSampler sampler;
    private final int mostChunks;
    private final long longestLook;
    private final long[] lookedAt;
    private PageSet largeChunks;
    private int[] populated = {};
    private int nextRegion;
    private long backingAt;

    /**
     * Knows of no memory before {@link #refresh}.
     *
     * @param arena owns what is kept
     */
    LookChoice(Arena arena, GuestMemory memory, Heat heat, AccessSampler sampler) {
        this.arena = arena;
        this.memory = memory;
        this.heat = heat;
        this.sampler = sampler;
        this.mostChunks = sampler.splitsLargePages() ? MOST_SPLIT : Look.MOST_SMALL;
        this.longestLook = sampler.splitsLargePages() ? LONGEST_SPLIT : LONGEST_LOOK;
        this.lookedAt = new long[heat.regions()];
    }

    /** Sees again which chunks exist and which are large, if that was long ago: it changes slowly. */
    void refresh(long now) {
        if (backingAt != 0 && now - backingAt < BACKING_AGE) {
            return;
        }
        backingAt = now;
        try (Arena scan = Arena.ofConfined()) {
            Backing backing = Backing.scan(scan, memory);
            if (largeChunks == null) {
                largeChunks = Backing.emptyChunks(arena, memory);
            }
            largeChunks.clear();
            largeChunks.addAll(backing.largeChunks());
            int[] found = new int[lookedAt.length];
            int n = 0;
            for (int chunk = 0; chunk < found.length; chunk++) {
                long first = (long) chunk * PER_CHUNK;
                long end = Math.min(memory.pages(), first + PER_CHUNK);
                if (backing.resident().next(first, end) < end) {
                    found[n++] = chunk;
                }
            }
            populated = Arrays.copyOf(found, n);
        }
    }

    /** How long a look at small pages may take, in nanoseconds. */
    long longestLook() {
        return longestLook;
    }

    /** After so many faults a look at small pages tells little more: when all were accessed, not which of them first. */
    int enough(Look look) {
        return look.count() * PER_CHUNK / PART_SEEN;
    }

    /**
     * Takes what a look that has just begun is to be at.
     *
     * @param faults as many as it may cost
     * @return a further cost, in nanoseconds
     */
    long choose(Look look, int faults) {
        return look.small() ? chooseSmall(look, faults) : chooseRegions(look, faults);
    }

    private long chooseRegions(Look look, int most) {
        int n = populated.length;
        for (int i = 0; i < n && look.count() < most; i++) {
            int chunk = populated[nextRegion++ % n];
            // A region of small pages would have to be mapped page by page again.
            if (largeChunks.contains(chunk)) {
                look.add(chunk);
            }
        }
        nextRegion = n == 0 ? 0 : nextRegion % n;
        return 0;
    }

    private long chooseSmall(Look look, int faults) {
        synchronized (heat) {
            long now = System.nanoTime();
            long more = 0;
            double expected = 0;
            long room = faults;
            double others = meanRate();
            long[] byWorth = byWorth(now, others);
            for (int i = byWorth.length - 1; i >= 0 && look.count() < mostChunks && expected <= faults; i--) {
                int chunk = (int) (byWorth[i] & (CHUNK_NUMBERS - 1));
                if (!largeChunks.contains(chunk)) {
                    // Its pages are mapped one by one again, those too that are accessed only after the look.
                    int pages = look.pagesOf(chunk);
                    if (pages > room && look.count() > 0) {
                        break;
                    }
                    room -= pages;
                    more += sampler.splitsLargePages() ? pages * sampler.faultNanos() : 0;
                }
                expected += expectedFaults(rateOf(chunk, others));
                lookedAt[chunk] = now;
                look.add(chunk);
            }
            return more;
        }
    }

    /** In a look at a chunk's small pages, with the one afterwards that maps it as a whole again. */
    private double expectedFaults(double rate) {
        return 1 + Math.min(PER_CHUNK / PART_SEEN - 1, rate * longestLook / 1e9);
    }

    /** Accesses a second to a chunk, for one that was never looked at as a whole those to the others. */
    private double rateOf(int chunk, double others) {
        return heat.isRegionKnown(chunk) ? heat.regionRate(chunk) : others;
    }

    private double meanRate() {
        return Arrays.stream(populated)
                .filter(heat::isRegionKnown)
                .mapToDouble(heat::regionRate)
                .average()
                .orElse(0);
    }

    /** The populated chunks, those last that are most worth a look. */
    private long[] byWorth(long now, double others) {
        long[] keys = new long[populated.length];
        for (int i = 0; i < keys.length; i++) {
            int chunk = populated[i];
            double rate = rateOf(chunk, others);
            double worth = Math.sqrt(Math.max(1, rate) / expectedFaults(rate)) * (now - lookedAt[chunk]);
            // As bits, doubles that are not negative have the same order; their last bits are the chunk's number.
            keys[i] = (Double.doubleToRawLongBits(worth) & -CHUNK_NUMBERS) | chunk;
        }
        Arrays.sort(keys);
        return keys;
    }
}
