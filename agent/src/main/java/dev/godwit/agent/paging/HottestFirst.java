package dev.godwit.agent.paging;

import java.util.Arrays;

/**
 * Pages in the order of their heat, the hottest first, and of equals the one that came first. For the few that are waited
 * for at a time; allocates only when there are more than ever before.
 *
 * <p>Threading: one thread.
 */
final class HottestFirst {
    private long[] pages;
    private long[] heats;
    private int count;

    /** Empty, with room for so many. */
    HottestFirst(int room) {
        pages = new long[room];
        heats = new long[room];
    }

    void clear() {
        count = 0;
    }

    void add(long page, long heat) {
        if (count == pages.length) {
            pages = Arrays.copyOf(pages, 2 * count);
            heats = Arrays.copyOf(heats, 2 * count);
        }
        int at = count++;
        for (; at > 0 && heats[at - 1] < heat; at--) {
            pages[at] = pages[at - 1];
            heats[at] = heats[at - 1];
        }
        pages[at] = page;
        heats[at] = heat;
    }

    int count() {
        return count;
    }

    /** The page at a place in the order. */
    long page(int at) {
        return pages[at];
    }
}
