package dev.godwit.agent.migration;

import dev.godwit.host.memory.PageSet;
import dev.godwit.host.tracking.HeatMap;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;

/** In which order the pages of a guest follow it. */
interface PageOrder {
    /** From low addresses to high; of those that are waited for the one that was asked for first. */
    PageOrder ADDRESS = new PageOrder() {
        @Override
        public List<PageSet> passes(Arena arena, PageSet missing) {
            return List.of(missing);
        }

        @Override
        public long heat(long page) {
            return 0;
        }
    };

    /**
     * The passes over memory, each in ascending order, that together send all of {@code missing}, each page once.
     *
     * @param arena owns the sets
     */
    List<PageSet> passes(Arena arena, PageSet missing);

    /** How hot a page is: of those that the guest waits for, the hottest goes first. */
    long heat(long page);

    /**
     * Pass by pass the hottest pages of all that are left: with so few passes nearly what one page after the other would
     * be, and within a pass the order of addresses, which is quickest to send. Which pages those are is found out here,
     * while the guest runs still.
     *
     * @param arena owns what is kept of {@code heat}
     * @param whole whether chunks of 2 MiB go as a whole, with their hottest page
     */
    static PageOrder hottestFirst(Arena arena, HeatMap heat, boolean whole) {
        // By Zipf's law two accesses of three go to the first hundredth.
        List<PageSet> bands = LongStream.of(10, 30, 100, 300)
                .mapToObj(thousandths -> heat.hottest(arena, heat.pages() * thousandths / 1000))
                .toList();
        if (whole) {
            bands.forEach(PageSet::widenToChunks);
        }
        return new PageOrder() {
            @Override
            public List<PageSet> passes(Arena own, PageSet missing) {
                PageSet left = new PageSet(own, missing.pages());
                left.addAll(missing);
                List<PageSet> passes = new ArrayList<>();
                for (PageSet band : bands) {
                    passes.add(taken(own, left, band));
                }
                passes.add(left);
                return passes;
            }

            @Override
            public long heat(long page) {
                return heat.level(page);
            }
        };
    }

    private static PageSet taken(Arena arena, PageSet from, PageSet wanted) {
        PageSet both = new PageSet(arena, from.pages());
        for (long i = 0, n = from.wordCount(); i < n; i++) {
            both.setWord(i, from.word(i) & wanted.word(i));
            from.setWord(i, from.word(i) & ~wanted.word(i));
        }
        return both;
    }
}
