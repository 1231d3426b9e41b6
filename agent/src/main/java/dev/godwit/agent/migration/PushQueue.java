package dev.godwit.agent.migration;

import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import java.lang.foreign.Arena;
import java.util.List;

/**
 * What is pushed to a guest that has gone ahead, in this order: while it walks through its memory what is ahead of it,
 * however cold; else pass by pass the hottest. Each page is handed out once.
 *
 * <p>Threading: any thread.
 */
final class PushQueue {
    /** What one sender sends next: some of 64 pages. */
    static final class Part {
        static final int MOST_PAGES = Long.SIZE;

        /** The first of the 64. */
        long first;
        /** Bit n is page {@link #first} + n. */
        long mask;
        /** Whether the rest of their chunk comes much later. */
        boolean ahead;
    }

    /** Less what has been handed out, or has gone another way. */
    private List<PageSet> passes = List.of();

    private final PageSet handedOut;
    private final Walks walks = new Walks();
    private int pass;
    private long next;
    private long walkNext;
    private long walkEnd;

    /** Of nothing yet. */
    PushQueue(Arena arena, long pages) {
        this.handedOut = new PageSet(arena, pages);
    }

    /**
     * All of these are to be pushed.
     *
     * @param all disjoint sets over the same pages, which this takes over
     */
    synchronized void fill(List<PageSet> all) {
        passes = all;
    }

    /** How many pages the next part would be of now, at most 64; 0 when there is nothing left. */
    synchronized int nextPages() {
        return Long.bitCount(upcoming());
    }

    /** Takes the next that are to go, at most so many; false when there is nothing left. */
    synchronized boolean take(Part part, int most) {
        long mask = fewest(upcoming(), most);
        if (mask == 0) {
            return false;
        }
        boolean onWalk = walkNext < walkEnd;
        long page = onWalk ? walkNext : next;
        part.first = page & -Long.SIZE;
        part.mask = mask;
        part.ahead = !onWalk && goesOn(page);
        handedOut.orWord(page >>> 6, mask);
        remove(page >>> 6, mask);
        return true;
    }

    /** What is next of the 64 pages around {@link #walkNext} if that is short of its end, else {@link #next}. */
    private long upcoming() {
        if (isWalking()) {
            return left(walkNext);
        }
        return findNext() ? passes.get(pass).word(next >>> 6) : 0;
    }

    /** Whether something is left of what is ahead of a walk; {@link #walkNext} is there then. */
    private boolean isWalking() {
        while (walkNext < walkEnd && left(walkNext) == 0) {
            walkNext = (walkNext | (Long.SIZE - 1)) + 1;
        }
        return walkNext < walkEnd;
    }

    /** Moves {@link #next} to the next page of a pass; false when all are through. */
    private boolean findNext() {
        for (; pass < passes.size(); pass++, next = 0) {
            PageSet set = passes.get(pass);
            next = set.next(next, set.pages());
            if (next < set.pages()) {
                return true;
            }
        }
        return false;
    }

    /** What is left of the 64 pages that this one is among, from it on. */
    private long left(long page) {
        long mask = 0;
        for (PageSet set : passes) {
            mask |= set.word(page >>> 6);
        }
        return mask & (-1L << page);
    }

    private static long fewest(long mask, int most) {
        long left = mask;
        for (int i = 0; i < most; i++) {
            left &= left - 1;
        }
        return mask & ~left;
    }

    /** Whether a pass after this one has pages of the chunk. */
    private boolean goesOn(long page) {
        long first = page & -PageSize.SMALL_PER_LARGE;
        for (int later = pass + 1; later < passes.size(); later++) {
            PageSet set = passes.get(later);
            long end = Math.min(first + PageSize.SMALL_PER_LARGE, set.pages());
            if (set.next(first, end) < end) {
                return true;
            }
        }
        return false;
    }

    /** The guest waits for the pages {@code first .. end-1}: if that is a step of a walk, what comes next goes first. */
    synchronized void waitedFor(long first, long end) {
        // Before it is known what there is to push it is mostly who restores the guest that waits: that is no walk.
        long ahead = passes.isEmpty() ? 0 : walks.ahead(first, end);
        if (ahead > 0) {
            walkNext = end;
            walkEnd = Math.min(end + ahead, handedOut.pages());
        }
    }

    /** The page goes another way. */
    synchronized void remove(long page) {
        remove(page >>> 6, 1L << page);
    }

    private void remove(long word, long mask) {
        for (PageSet set : passes) {
            set.setWord(word, set.word(word) & ~mask);
        }
    }

    /** Whether it has been handed out. */
    synchronized boolean hasHandedOut(long page) {
        return handedOut.contains(page);
    }
}
