package dev.godwit.agent.migration;

import dev.godwit.host.memory.PageSet;
import dev.godwit.host.tracking.HeatMap;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;

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
     * The hottest tenth of all pages first, then the next three tenths, then the rest; what is equally hot in the order
     * of addresses, which is quickest to send.
     */
    static PageOrder hottestFirst(HeatMap heat) {
        return new PageOrder() {
            @Override
            public List<PageSet> passes(Arena arena, PageSet missing) {
                PageSet left = new PageSet(arena, missing.pages());
                left.addAll(missing);
                List<PageSet> passes = new ArrayList<>();
                for (int tenths : new int[] {1, 4}) {
                    passes.add(taken(arena, left, heat.hottest(arena, heat.pages() * tenths / 10)));
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
