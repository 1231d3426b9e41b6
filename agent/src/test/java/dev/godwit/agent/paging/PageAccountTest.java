package dev.godwit.agent.paging;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.godwit.agent.migration.Chance;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import java.lang.foreign.Arena;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is said of many chunks at once, page by page. */
class PageAccountTest {
    @ParameterizedTest
    @ValueSource(ints = {1, 64, 511, 512, 513, 1024, 20_000, 20_480})
    void chunksThatGoAsideLackWhatIsElsewhere(int pages) {
        Random random = Chance.random("PageAccountTest");
        for (int i = 0; i < 50; i++) {
            try (Arena arena = Arena.ofConfined();
                    GuestMemory memory = GuestMemory.allocate((long) pages * PageSize.SMALL, LargePages.NONE)) {
                PageAccount account = new PageAccount(arena, memory, new PageMap(arena, pages));
                account.areAside(0, account.chunks(), runs(random, arena, pages));
                PageSet absent = runs(random, arena, pages);
                PageSet before = new PageSet(arena, pages);
                before.addAll(account.staged());
                int from = random.nextInt(account.chunks());
                int to = from + 1 + random.nextInt(account.chunks() - from);
                account.areAside(from, to, absent);
                for (int page = 0; page < pages; page++) {
                    int chunk = Chunks.of(page);
                    boolean told = chunk >= from && chunk < to;
                    assertEquals(
                            told ? !absent.contains(page) : before.contains(page),
                            account.isStaged(page),
                            "page " + page + " of chunks " + from + " to " + to);
                }
                for (int chunk = from; chunk < to; chunk++) {
                    assertEquals(
                            absent.cardinality(account.first(chunk), account.end(chunk)),
                            account.missing(chunk),
                            "chunk " + chunk);
                }
            }
        }
    }

    /** Long and short ones, some of them of whole chunks. */
    private static PageSet runs(Random random, Arena arena, int pages) {
        PageSet set = new PageSet(arena, pages);
        for (int page = random.nextInt(600); page < pages; page += 1 + random.nextInt(3000)) {
            boolean whole = random.nextBoolean();
            int first = whole ? page & -PageSize.SMALL_PER_LARGE : page;
            int count = whole ? random.nextInt(5) * PageSize.SMALL_PER_LARGE : random.nextInt(700);
            set.addRange(first, Math.min(count, pages - first));
        }
        return set;
    }
}
