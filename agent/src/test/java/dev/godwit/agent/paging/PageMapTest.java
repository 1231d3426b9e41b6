package dev.godwit.agent.paging;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.godwit.agent.migration.Chance;
import dev.godwit.host.memory.PageSet;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is done with many entries at once comes to the same as one by one. */
class PageMapTest {
    private static final Place[] PLACES = Place.values();

    @ParameterizedTest
    @ValueSource(longs = {1, 63, 64, 511, 512, 513, 1600, 4096, 300_000})
    void manyAreAsOneByOne(long pages) {
        Random random = Chance.random("PageMapTest");
        try (Arena arena = Arena.ofConfined()) {
            PageMap map = new PageMap(arena, pages);
            for (long page = 0; page < pages; page++) {
                map.set(page, PLACES[random.nextInt(PLACES.length)], random.nextInt(PageMap.MAX_FRAMES));
            }
            PageSet some = new PageSet(arena, pages);
            int longest = (int) Math.max(1600, pages);
            for (long page = 0; page < pages; page += 1 + random.nextInt(600)) {
                some.addRange(page, Math.min(pages - page, 1 + random.nextInt(random.nextInt(8) == 0 ? longest : 90)));
            }
            int[] frames =
                    random.ints(some.cardinality(), 0, PageMap.MAX_FRAMES).toArray();
            long[] rest = entries(map, some);

            map.setAll(some, Place.REMOTE, frames);

            assertArrayEquals(rest, entries(map, some));
            int next = 0;
            for (long page = some.next(0, pages); page < pages; page = some.next(page + 1, pages)) {
                assertEquals(frames[next++], map.frameIn(page, Place.REMOTE), "page " + page);
            }
            checkLooks(arena, map);

            map.setAll(some, Place.AT_SOURCE);

            assertArrayEquals(rest, entries(map, some));
            for (long page = some.next(0, pages); page < pages; page = some.next(page + 1, pages)) {
                assertEquals(0, map.frameIn(page, Place.AT_SOURCE), "page " + page);
            }
            checkLooks(arena, map);
        }
    }

    private static void checkLooks(Arena arena, PageMap map) {
        long pages = map.pages();
        PageSet remote = new PageSet(arena, pages);
        int[] collected = map.collect(Place.REMOTE, remote);
        int next = 0;
        for (long page = 0; page < pages; page++) {
            Place place = map.place(page);
            assertEquals(place == Place.REMOTE, remote.contains(page), "page " + page);
            if (place == Place.REMOTE) {
                assertEquals(map.frameIn(page, Place.REMOTE), collected[next++], "page " + page);
            }
        }
        assertEquals(next, collected.length);
        assertEquals(next, map.count(0, pages, Place.REMOTE));
    }

    /** All entries but those, in order. */
    private static long[] entries(PageMap map, PageSet but) {
        return IntStream.range(0, (int) map.pages())
                .filter(page -> !but.contains(page))
                .mapToLong(page -> (long) map.place(page).code() << Integer.SIZE | map.frameIn(page, map.place(page)))
                .toArray();
    }

    @Test
    void aFrameThatNoPlaceHasIsRefused() {
        try (Arena arena = Arena.ofConfined()) {
            PageMap map = new PageMap(arena, 100);
            PageSet all = new PageSet(arena, 100);
            all.addAll();
            int[] frames = new int[100];
            Arrays.fill(frames, 7);
            frames[50] = PageMap.MAX_FRAMES;
            assertThrows(IndexOutOfBoundsException.class, () -> map.setAll(all, Place.REMOTE, frames));
            assertEquals(Place.RESIDENT, map.place(0));
        }
    }
}
