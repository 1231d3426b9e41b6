package dev.godwit.agent.memoryhost;

import dev.godwit.agent.paging.Pager;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import dev.godwit.host.tracking.HeatMap;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Which pages go when a guest has more than it may: of chunks that are whole the coldest, and of those that are in parts
 * the coldest pages; among equals those that came longest ago. A chunk into which a page has just come is spared, or
 * pages would go as they come.
 *
 * <p>Threading: one thread.
 */
final class Victims {
    private static final long SPARED_NANOS = 500_000_000;
    private static final int PER_CHUNK = PageSize.SMALL_PER_LARGE;

    private final Pager pager;
    /** Pages of the chunks in parts that may go. */
    private final PageSet cold;

    private record Candidate(int chunk, int level, long lastIn, boolean spared) {}

    /** @param cold becomes the pages to be taken of chunks that are in parts here */
    Victims(Pager pager, PageSet cold) {
        this.pager = pager;
        this.cold = cold;
    }

    /**
     * The chunks to take pages out of, in order, for {@code need} pages or a little more.
     *
     * @param resident the pages that the guest has
     * @param heat how hot each is, or null if nobody knows
     */
    List<Integer> choose(PageSet resident, HeatMap heat, long need) {
        cold.clear();
        long now = System.nanoTime();
        List<Candidate> candidates = new ArrayList<>();
        long[] pagesAt = new long[HeatMap.HOTTEST + 1];
        for (int chunk = 0; chunk < pager.chunks(); chunk++) {
            long first = (long) chunk * PER_CHUNK;
            long end = Math.min(first + PER_CHUNK, resident.pages());
            long count = resident.cardinality(first, end);
            if (count == 0 || !pager.leaving().mayLeave(chunk)) {
                continue;
            }
            boolean whole = pager.isWhole(chunk);
            int level = level(resident, heat, first, end, count, whole);
            long lastIn = pager.leaving().lastIn(chunk);
            candidates.add(new Candidate(chunk, level, lastIn, now - lastIn < SPARED_NANOS));
            if (whole) {
                pagesAt[level] += count;
            } else {
                for (long page = resident.next(first, end); page < end; page = resident.next(page + 1, end)) {
                    pagesAt[heat == null ? 0 : heat.level(page)]++;
                }
            }
        }
        int most = 0;
        for (long sum = pagesAt[0]; sum < need && most < HeatMap.HOTTEST; ) {
            sum += pagesAt[++most];
        }
        candidates.sort(Comparator.comparing(Candidate::spared)
                .thenComparingInt(Candidate::level)
                .thenComparingLong(Candidate::lastIn));
        return taken(candidates, resident, heat, need, most);
    }

    /** Of a chunk that is whole the mean of its pages, since all of it goes; else its coldest page. */
    private static int level(PageSet resident, HeatMap heat, long first, long end, long count, boolean whole) {
        if (heat == null) {
            return 0;
        }
        double rate = 0;
        int coldest = HeatMap.HOTTEST;
        for (long page = resident.next(first, end); page < end; page = resident.next(page + 1, end)) {
            int level = heat.level(page);
            rate += HeatMap.rateOf(level);
            coldest = Math.min(coldest, level);
        }
        return whole ? HeatMap.levelOf(rate / count) : coldest;
    }

    private List<Integer> taken(List<Candidate> order, PageSet resident, HeatMap heat, long need, int most) {
        List<Integer> chunks = new ArrayList<>();
        long left = need;
        for (Candidate candidate : order) {
            if (left <= 0) {
                break;
            }
            long first = (long) candidate.chunk * PER_CHUNK;
            long end = Math.min(first + PER_CHUNK, resident.pages());
            long going = 0;
            for (long page = resident.next(first, end); page < end; page = resident.next(page + 1, end)) {
                if (pager.isWhole(candidate.chunk) || heat == null || heat.level(page) <= most) {
                    cold.add(page);
                    going++;
                }
            }
            if (going > 0) {
                chunks.add(candidate.chunk);
                left -= going;
            }
        }
        return chunks;
    }
}
