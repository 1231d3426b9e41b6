package dev.godwit.agent.migration;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** In which order a queue hands out pages, and each once. */
@Timeout(60)
class PushQueueTest {
    private static final int PER_CHUNK = PageSize.SMALL_PER_LARGE;
    private static final int PAGES = 40 * PER_CHUNK - 100;
    private static final int TOGETHER = 64;

    private final Arena arena = Arena.ofShared();
    private final PageSet hot = new PageSet(arena, PAGES);
    private final PageSet rest = new PageSet(arena, PAGES);
    private final PushQueue.Part part = new PushQueue.Part();

    @AfterEach
    void close() {
        arena.close();
    }

    /** All pages follow, and these go first. */
    private PushQueue queue(Iterable<Long> hotPages) {
        rest.addAll();
        hotPages.forEach(hot::add);
        rest.removeAll(hot);
        PushQueue queue = new PushQueue(arena, PAGES);
        queue.fill(List.of(hot, rest));
        return queue;
    }

    private static List<Long> pagesOf(PushQueue.Part part) {
        List<Long> pages = new ArrayList<>();
        assertEquals(0, part.first % Long.SIZE);
        for (long left = part.mask; left != 0; left &= left - 1) {
            pages.add(part.first + Long.numberOfTrailingZeros(left));
        }
        return pages;
    }

    private List<Long> take(PushQueue queue, int most) {
        return queue.take(part, most) ? pagesOf(part) : List.of();
    }

    /** Of the first chunk some pages are hot, of the second all, of the others none. */
    @Test
    void theHottestGoFirstAndAreMarkedIfTheyGoAheadOfTheRestOfTheirChunk() {
        Set<Long> some = new TreeSet<>(List.of(3L, 100L, 101L, 511L));
        List<Long> hottest = new ArrayList<>(some);
        for (long page = PER_CHUNK; page < 2 * PER_CHUNK; page++) {
            hottest.add(page);
        }
        PushQueue queue = queue(hottest);
        List<Long> order = new ArrayList<>();
        Set<Long> ahead = new TreeSet<>();
        for (List<Long> next = take(queue, TOGETHER); !next.isEmpty(); next = take(queue, TOGETHER)) {
            order.addAll(next);
            if (part.ahead) {
                ahead.addAll(next);
            }
        }
        assertEquals(some, ahead);
        assertEquals(hottest, order.subList(0, hottest.size()));
        assertEquals(PAGES, Set.copyOf(order).size());
        assertEquals(PAGES, order.size());
    }

    @Test
    void noMoreAreHandedOutThanOneAsksFor() {
        PushQueue queue = queue(List.of(64L, 70L, 71L, 90L));
        assertEquals(List.of(64L, 70L, 71L), take(queue, 3));
        assertTrue(queue.hasHandedOut(71));
        assertFalse(queue.hasHandedOut(90));
        assertEquals(List.of(90L), take(queue, 3));
        assertEquals(List.of(0L), take(queue, 1));
    }

    @Test
    void whoWalksHasNextWhatIsAheadHoweverCold() {
        PushQueue queue = queue(List.of(1L, 2L));
        queue.remove(5000);
        queue.waitedFor(4998, 4999);
        queue.waitedFor(5000, 5001);
        assertEquals(List.of(1L), take(queue, 1), "one step is no walk");
        queue.remove(5001);
        queue.remove(5003);
        queue.waitedFor(5001, 5002);
        List<Long> next = take(queue, 2);
        assertEquals(List.of(5002L, 5004L), next, "and what has gone another way is not in it");
        assertFalse(part.ahead, "the rest of the chunk comes as well");
        long last = 5004;
        while (last < 5001 + TOGETHER) {
            next = take(queue, TOGETHER);
            assertEquals(last + 1, next.getFirst());
            last = next.getLast();
        }
        assertEquals(List.of(2L), take(queue, TOGETHER), "as far ahead as one who has begun to walk, no further");
    }

    /** Up to 8 MiB from where it is. */
    @Test
    void whoWalksOnIsGivenMoreAndMore() {
        PushQueue queue = queue(List.of());
        for (int step = 0; step < 8; step++) {
            long page = 10_000L + step;
            queue.waitedFor(page, page + 1);
            long last = 0;
            for (List<Long> next = take(queue, TOGETHER); next.getFirst() > 9_000; next = take(queue, TOGETHER)) {
                last = next.getLast();
            }
            long ahead = 64L << Math.min(Math.max(step - 2, 0), 5);
            assertEquals(step < 2 ? 0 : (page + ahead) | Long.SIZE - 1, last, "step " + step);
        }
    }

    @Test
    void severalWalkAtOnce() {
        PushQueue queue = queue(List.of());
        for (int step = 0; step < 4; step++) {
            // Who does not walk takes nobody's place.
            for (int stray = 0; stray < 2; stray++) {
                queue.waitedFor(100 + step * 200 + stray * 100, 101 + step * 200 + stray * 100);
            }
            for (long walker = 1; walker <= 6; walker++) {
                long page = walker * 3000 + step * 20L;
                queue.remove(page);
                queue.waitedFor(page, page + 1);
                long first = take(queue, 1).getFirst();
                assertTrue(step < 2 ? first < 3000 : first == page + 1, first + " after " + page);
            }
        }
    }

    @Test
    void toWalkOffTheEndOfMemoryIsNoHarm() {
        PushQueue queue = queue(List.of());
        queue.waitedFor(PAGES - 3, PAGES - 2);
        queue.waitedFor(PAGES - 2, PAGES - 1);
        queue.waitedFor(PAGES - 1, PAGES);
        assertEquals(List.of(0L), take(queue, 1));
    }

    /** Whatever they do to one another. */
    @Test
    void eachPageIsHandedOutOnceOrGoesAnotherWay() throws Exception {
        Random random = Chance.random("eachPageIsHandedOutOnceOrGoesAnotherWay");
        List<Long> hottest = random.longs(5000, 0, PAGES).boxed().toList();
        PushQueue queue = queue(hottest);
        AtomicIntegerArray times = new AtomicIntegerArray(PAGES);
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            Random own = new Random(random.nextLong());
            threads.add(Thread.ofPlatform().start(() -> {
                PushQueue.Part mine = new PushQueue.Part();
                while (queue.take(mine, 1 + own.nextInt(TOGETHER))) {
                    pagesOf(mine).forEach(page -> times.incrementAndGet(page.intValue()));
                }
            }));
        }
        Set<Long> others = new TreeSet<>();
        while (threads.stream().anyMatch(Thread::isAlive)) {
            long first = random.nextInt(PAGES - 8);
            for (long page = first; page < first + 4; page++) {
                queue.waitedFor(page, page + 1);
                queue.remove(page);
                others.add(page);
            }
        }
        for (Thread thread : threads) {
            thread.join();
        }
        for (int page = 0; page < PAGES; page++) {
            boolean mayNot = others.contains((long) page);
            assertTrue(times.get(page) == 1 || (mayNot && times.get(page) == 0), page + ": " + times.get(page));
        }
    }
}
