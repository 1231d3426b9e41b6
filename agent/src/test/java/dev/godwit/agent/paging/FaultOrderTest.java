package dev.godwit.agent.paging;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.godwit.agent.migration.Chance;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** In which order pages are asked for that are waited for at the same time. */
@Timeout(60)
class FaultOrderTest {
    private static final int PER_CHUNK = PageSize.SMALL_PER_LARGE;
    private static final int WAITING = 3; // as many as a model host has threads

    @Test
    void theHottestIsFirstAndOfEqualsTheOneThatCameFirst() {
        Random random = Chance.random("theHottestIsFirstAndOfEqualsTheOneThatCameFirst");
        HottestFirst order = new HottestFirst(4);
        for (int i = 0; i < 200; i++) {
            List<long[]> pages = new ArrayList<>();
            for (int n = random.nextInt(70); n > 0; n--) {
                long[] page = {n, random.nextInt(8)};
                pages.add(page);
                order.add(page[0], page[1]);
            }
            pages.sort(Comparator.comparingLong(page -> -page[1]));
            List<Long> found = new ArrayList<>();
            while (!order.isEmpty()) {
                found.add(order.take());
            }
            assertEquals(pages.stream().map(page -> page[0]).toList(), found);
        }
    }

    /** Those who have waited while a store was away are asked for again when it is back. Needs a userfaultfd, no KVM. */
    @Test
    @Tag("kvm")
    void theHottestOfThoseWhoWaitIsAskedForFirst() throws Exception {
        Random random = Chance.random("theHottestOfThoseWhoWaitIsAskedForFirst");
        try (ModelHost host = new ModelHost((long) WAITING * PER_CHUNK, LargePages.THP);
                Arena arena = Arena.ofConfined()) {
            PageSet absent = new PageSet(arena, (long) WAITING * PER_CHUNK);
            absent.addAll();
            Nobody store = new Nobody();
            host.pager.attach(Place.AT_SOURCE, store);
            host.pager.locate(absent, Place.AT_SOURCE);
            host.pager.arm();
            host.pager.start();
            List<Long> byHeat = new ArrayList<>();
            for (long chunk = 0; chunk < WAITING; chunk++) {
                byHeat.add(chunk * PER_CHUNK);
                host.touch(chunk * PER_CHUNK, 0, false, 0);
            }
            while (store.requests.size() < WAITING) {
                Thread.onSpinWait();
            }
            for (int i = 0; i < 20; i++) {
                Collections.shuffle(byHeat, random);
                List<Long> hottestFirst = List.copyOf(byHeat);
                host.pager.heat(page -> -hottestFirst.indexOf(page));
                store.requests.clear();
                host.pager.askAgain();
                while (store.requests.size() < WAITING) {
                    Thread.onSpinWait();
                }
                assertEquals(hottestFirst, store.requests);
            }
        }
    }
}
