package dev.godwit.perf.targets;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ZipfLawTest {
    private static final int PAGES = 4096;
    private static final int READERS = 400;
    private static final int SEEN = 5000;

    /** By the law or by trying: readers that read, and pages that come. */
    @ParameterizedTest
    @ValueSource(ints = {100, 1000, 10_000})
    void isWhatReadersWaitFor(int accesses) {
        Random random = new Random(accesses);
        ZipfLaw law = new ZipfLaw(PAGES);
        int byAddress = 0;
        int byRank = 0;
        int asLearnt = 0;
        for (int reader = 0; reader < READERS; reader++) {
            // Ranks are scattered over the addresses.
            int[] addresses = inOrder(random.ints(PAGES, 0, Integer.MAX_VALUE).toArray());
            int[] seen = new int[PAGES];
            for (int i = 0; i < SEEN; i++) {
                seen[rank(random)]--;
            }
            int[] learnt = inOrder(seen, addresses);
            int[] read = random.ints(accesses, 0, 1).map(_ -> rank(random)).toArray();
            byAddress += waits(read, addresses);
            byRank += waits(read, IntStream.range(0, PAGES).toArray());
            asLearnt += waits(read, learnt);
        }
        double most = byAddress / (double) byRank;
        assertEquals(most, law.most(accesses), 0.05 * most);
        double mostLearnt = byAddress / (double) asLearnt;
        assertEquals(mostLearnt, law.mostLearnt(accesses, SEEN), 0.05 * mostLearnt);
    }

    private static int rank(Random random) {
        return (int) Math.pow(PAGES + 1.0, random.nextDouble()) - 1;
    }

    /** At which place each is, the least first; of equals those whose next keys are least. */
    private static int[] inOrder(int[]... keys) {
        Comparator<Integer> order = Arrays.stream(keys)
                .map(key -> Comparator.comparingInt((Integer i) -> key[i]))
                .reduce(Comparator::thenComparing)
                .orElseThrow();
        List<Integer> sorted = IntStream.range(0, PAGES).boxed().sorted(order).toList();
        int[] places = new int[PAGES];
        for (int place = 0; place < PAGES; place++) {
            places[sorted.get(place)] = place;
        }
        return places;
    }

    /** How many pages a reader touches first before their turn. */
    private static int waits(int[] read, int[] places) {
        boolean[] fetched = new boolean[PAGES];
        int waits = 0;
        for (int access = 0; access < read.length; access++) {
            double come = (access + 0.5) * PAGES / read.length;
            if (places[read[access]] >= come && !fetched[read[access]]) {
                fetched[read[access]] = true;
                waits++;
            }
        }
        return waits;
    }

    @Test
    void whoHasSeenNothingKnowsNothingAndWhoHasSeenAllOfItTheOrder() {
        ZipfLaw law = new ZipfLaw(PAGES);
        assertEquals(1, law.mostLearnt(1000, 0), 1e-9);
        double most = law.most(1000);
        double learnt = law.mostLearnt(1000, 10_000_000);
        assertTrue(learnt <= most && learnt > 0.98 * most, learnt + " of " + most);
    }

    @Test
    void whoReadsLittleGainsMost() {
        ZipfLaw law = new ZipfLaw(1 << 18);
        double few = law.most(1);
        assertTrue(few > 5.5 && few < 6.5, "half the logarithm of the pages: " + few);
        assertTrue(law.most(1000) < few && law.most(1_000_000) < law.most(1000), "a page is waited for once");
    }
}
