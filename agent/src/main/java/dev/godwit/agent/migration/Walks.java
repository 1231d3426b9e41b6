package dev.godwit.agent.migration;

import java.util.Arrays;

/**
 * Whether a guest walks through its memory, by what it waits for: as Linux does with who reads a file.
 *
 * <p>Threading: one thread at a time.
 *
 * <p>Source: {@code mm/readahead.c} for the window that doubles; Hines, Deshpande and Gopalan, "Post-copy live migration of
 * virtual machines", 2009, for the order that follows the guest.
 */
final class Walks {
    /** So many walk at once: vCPUs, or one along several arrays. */
    private static final int AT_ONCE = 8;

    /** The longest stride, in pages: what is between is sent with it. */
    private static final int STRIDE = 64;

    /** So many steps are a walk: one may be chance, in a hot set that is small. */
    private static final int WALK = 2;

    /** 8 MiB ahead at most. */
    private static final int MOST_DOUBLINGS = 5;

    /** Where each was last, the page after. */
    private final long[] at = new long[AT_ONCE];

    private final int[] steps = new int[AT_ONCE];
    /** Who made a step last has the highest number. */
    private final long[] turns = new long[AT_ONCE];

    private long turn;

    Walks() {
        Arrays.fill(at, Long.MIN_VALUE / 2);
    }

    /**
     * The guest waits for the pages {@code first .. end-1}.
     *
     * @return how many pages after those it will want next: 0 when this is not a step of a walk
     */
    long ahead(long first, long end) {
        int who = stepping(first);
        if (who >= 0) {
            steps[who]++;
        } else {
            who = idlest();
            steps[who] = 0;
        }
        at[who] = end;
        turns[who] = ++turn;
        return steps[who] < WALK ? 0 : (long) STRIDE << Math.min(steps[who] - WALK, MOST_DOUBLINGS);
    }

    private int stepping(long page) {
        for (int i = 0; i < AT_ONCE; i++) {
            long stride = page - at[i];
            if (stride >= 0 && stride < STRIDE) {
                return i;
            }
        }
        return -1;
    }

    private int idlest() {
        int who = 0;
        for (int i = 1; i < AT_ONCE; i++) {
            who = turns[i] < turns[who] ? i : who;
        }
        return who;
    }
}
