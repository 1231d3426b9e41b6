package dev.godwit.host.tracking;

import dev.godwit.host.memory.PageSize;
import java.util.Arrays;

/**
 * One look at some 2 MiB chunks of a guest: when each of their small pages, or each chunk as a whole, was first
 * accessed after the look at it began. Reused; allocates nothing after construction.
 *
 * <p>Threading: one thread at a time, or the sampler's lock. Times are {@link System#nanoTime}.
 */
public final class Look {
    /** Most chunks of a look at small pages: 1 GiB, for which a look keeps 2 MiB. */
    public static final int MOST_SMALL = 512;

    private static final int PER_CHUNK = PageSize.SMALL_PER_LARGE;
    private static final long NEVER = Long.MAX_VALUE;
    /** Seeing an access takes some time, too. */
    private static final long LEAST_NANOS = 1000;

    private final long pages;
    private final int[] slotOf;
    private final int[] chunks;
    private final long[] armed;
    private final long[] seen;
    private boolean small;
    private int count;
    private int sightings;
    private long ended;
    private long heldUp;

    /** Looks at a guest of this many small pages. */
    public Look(long pages) {
        this.pages = pages;
        int all = Math.toIntExact((pages + PER_CHUNK - 1) / PER_CHUNK);
        slotOf = new int[all];
        Arrays.fill(slotOf, -1);
        chunks = new int[all];
        armed = new long[all];
        seen = new long[Math.max(all, Math.min(all, MOST_SMALL) * PER_CHUNK)];
    }

    /** Forgets all. */
    public void begin(boolean atSmallPages) {
        for (int i = 0; i < count; i++) {
            slotOf[chunks[i]] = -1;
        }
        count = 0;
        sightings = 0;
        heldUp = 0;
        small = atSmallPages;
    }

    /** Takes a chunk into the look, which is not in it yet. */
    public void add(int chunk) {
        if (small && count == MOST_SMALL) {
            throw new IllegalStateException("a look at small pages is at " + MOST_SMALL + " chunks at most");
        }
        slotOf[chunk] = count;
        chunks[count] = chunk;
        armed[count] = NEVER;
        if (small) {
            Arrays.fill(seen, count * PER_CHUNK, (count + 1) * PER_CHUNK, NEVER);
        } else {
            seen[count] = NEVER;
        }
        count++;
    }

    /** Whether it is at small pages, not at whole chunks. */
    public boolean small() {
        return small;
    }

    /** How many chunks it is at. */
    public int count() {
        return count;
    }

    /** Which chunk has this slot, {@code 0 .. count-1}. */
    public int chunk(int slot) {
        return chunks[slot];
    }

    /** The slot of a chunk, or -1 when it is not looked at. */
    public int slotOf(int chunk) {
        return slotOf[chunk];
    }

    /** How many pages a chunk has; the last may have fewer than others. */
    public int pagesOf(int chunk) {
        return (int) Math.min(PER_CHUNK, pages - (long) chunk * PER_CHUNK);
    }

    /** From this moment accesses to the chunk are seen. */
    public void armed(int slot, long nanos) {
        armed[slot] = nanos;
    }

    /** A page was accessed; whether that was news. */
    public boolean seen(long page, long nanos) {
        int slot = slotOf[(int) (page / PER_CHUNK)];
        if (slot < 0 || nanos < armed[slot]) {
            return false;
        }
        int at = small ? slot * PER_CHUNK + (int) (page % PER_CHUNK) : slot;
        if (seen[at] != NEVER) {
            return false;
        }
        seen[at] = nanos;
        sightings++;
        return true;
    }

    /** How many pages or chunks were seen. */
    public int sightings() {
        return sightings;
    }

    /** It is over. */
    public void end(long nanos) {
        ended = nanos;
    }

    /** For so long of it each vCPU, on average, stood still: it could not access anything. */
    public void heldUp(long nanos) {
        heldUp = nanos;
    }

    /** Whether a page (of a look at small pages) was seen. */
    public boolean saw(long page) {
        int slot = slotOf[(int) (page / PER_CHUNK)];
        return slot >= 0 && seen[small ? slot * PER_CHUNK + (int) (page % PER_CHUNK) : slot] != NEVER;
    }

    /** Whether the chunk with this slot, or any page of it, was seen. */
    boolean sawAny(int slot) {
        if (!small) {
            return seen[slot] != NEVER;
        }
        for (int i = slot * PER_CHUNK; i < (slot + 1) * PER_CHUNK; i++) {
            if (seen[i] != NEVER) {
                return true;
            }
        }
        return false;
    }

    /** Adds what was seen, and what was not, to a guest's heat. */
    void addTo(Heat heat) {
        heat.at(ended);
        for (int slot = 0; slot < count; slot++) {
            long nanos = ended - armed[slot];
            if (armed[slot] == NEVER || nanos <= 0) {
                continue;
            }
            int chunk = chunks[slot];
            if (!small) {
                boolean was = seen[slot] < ended;
                heat.lookedAtWhole(chunk, was, was ? Math.max(LEAST_NANOS, seen[slot] - armed[slot]) : nanos);
                continue;
            }
            heat.looked(chunk, Math.max(LEAST_NANOS, nanos - Math.min(heldUp, nanos * 9 / 10)));
            for (int i = 0, n = pagesOf(chunk); i < n; i++) {
                if (seen[slot * PER_CHUNK + i] < ended) {
                    heat.seen((long) chunk * PER_CHUNK + i);
                }
            }
        }
    }
}
