package dev.godwit.agent.migration;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import dev.godwit.host.tracking.HeatMap;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class PageOrderTest {
    private static final int PAGES = 5000;

    @Test
    void eachPageGoesOnceAndNoneBeforeAMuchHotterOne() {
        Random random = Chance.random("eachPageGoesOnce");
        try (Arena arena = Arena.ofConfined()) {
            byte[] levels = new byte[PAGES];
            random.nextBytes(levels);
            HeatMap heat = new HeatMap(levels);
            PageSet missing = new PageSet(arena, PAGES);
            for (long page = 0; page < PAGES; page++) {
                if (random.nextBoolean()) {
                    missing.add(page);
                }
            }
            long before = missing.cardinality();
            List<PageSet> passes = PageOrder.hottestFirst(arena, heat, false).passes(arena, missing);
            assertEquals(before, missing.cardinality(), "what is missing stays what it is");
            assertEquals(5, passes.size());
            int coldestBefore = HeatMap.HOTTEST;
            long sent = 0;
            PageSet all = new PageSet(arena, PAGES);
            for (PageSet pass : passes) {
                int coldest = HeatMap.HOTTEST;
                for (long page = pass.next(0, PAGES); page < PAGES; page = pass.next(page + 1, PAGES)) {
                    assertTrue(missing.contains(page));
                    assertFalse(all.contains(page));
                    all.add(page);
                    assertTrue(heat.level(page) <= coldestBefore);
                    coldest = Math.min(coldest, heat.level(page));
                    sent++;
                }
                coldestBefore = Math.min(coldestBefore, coldest);
            }
            assertEquals(before, sent);
            assertTrue(passes.getFirst().cardinality() <= PAGES / 100);
        }
    }

    @Test
    void chunksThatGoInWholeGoWithTheirHottestPage() {
        try (Arena arena = Arena.ofConfined()) {
            long pages = 8L * PageSize.SMALL_PER_LARGE;
            byte[] levels = new byte[(int) pages];
            levels[3 * PageSize.SMALL_PER_LARGE + 7] = 100;
            PageSet missing = new PageSet(arena, pages);
            missing.addAll();
            List<PageSet> passes =
                    PageOrder.hottestFirst(arena, new HeatMap(levels), true).passes(arena, missing);
            assertTrue(passes.getFirst().contains(3 * PageSize.SMALL_PER_LARGE));
            long sent = 0;
            for (PageSet pass : passes) {
                assertTrue(pass.isOfWholeChunks());
                sent += pass.cardinality();
            }
            assertEquals(pages, sent);
        }
    }

    @Test
    void withoutHeatItIsTheOrderOfAddresses() {
        try (Arena arena = Arena.ofConfined()) {
            PageSet missing = new PageSet(arena, PAGES);
            missing.addRange(10, 20);
            assertEquals(List.of(missing), PageOrder.ADDRESS.passes(arena, missing));
            PageSet rest = PageOrder.hottestFirst(arena, new HeatMap(new byte[PAGES]), false)
                    .passes(arena, missing)
                    .getLast();
            assertEquals(20, rest.cardinality());
        }
    }
}
