package dev.godwit.agent.paging;

import java.util.Arrays;

/**
 * What waits, in the order of its heat: the hottest first, and of equals the one that came first. For the few that wait
 * at a time; allocates only when there are more than ever before.
 *
 * <p>Threading: one thread.
 */
public final class HottestFirst {
    /** In the order in which they are taken, from the last to the first. */
    private long[] waiting;

    private long[] heats;
    private int count;

    /** Empty, with room for so many. */
    public HottestFirst(int room) {
        waiting = new long[room];
        heats = new long[room];
    }

    /** Adds a page, or whatever else the number stands for. */
    public void add(long what, long heat) {
        if (count == waiting.length) {
            waiting = Arrays.copyOf(waiting, 2 * count);
            heats = Arrays.copyOf(heats, 2 * count);
        }
        int at = count++;
        for (; at > 0 && heats[at - 1] >= heat; at--) {
            waiting[at] = waiting[at - 1];
            heats[at] = heats[at - 1];
        }
        waiting[at] = what;
        heats[at] = heat;
    }

    public boolean isEmpty() {
        return count == 0;
    }

    /** How many wait. */
    public int count() {
        return count;
    }

    /** The hottest, which stays. */
    public long peek() {
        return waiting[count - 1];
    }

    /** Takes the hottest out. */
    public long take() {
        return waiting[--count];
    }
}
