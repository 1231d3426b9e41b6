package dev.godwit.perf.targets;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ZipfLawTest {
    private static final int PAGES = 4096;
    private static final int READERS = 400;

    /** By the law or by trying: readers that read, and pages that come. */
    @ParameterizedTest
    @ValueSource(ints = {100, 1000, 10_000})
    void isWhatReadersWaitFor(int accesses) {
        Random random = new Random(accesses);
        int byAddress = 0;
        int byRank = 0;
        for (int reader = 0; reader < READERS; reader++) {
            boolean[] fetchedByAddress = new boolean[PAGES];
            boolean[] fetchedByRank = new boolean[PAGES];
            int turn = random.nextInt(PAGES);
            for (int access = 0; access < accesses; access++) {
                int rank = (int) Math.pow(PAGES + 1.0, random.nextDouble()) - 1;
                double come = access * (double) PAGES / accesses;
                // Ranks are scattered over the addresses.
                int address = (int) ((rank * 2654435761L + turn) % PAGES);
                if (address >= come && !fetchedByAddress[address]) {
                    fetchedByAddress[address] = true;
                    byAddress++;
                }
                if (rank >= come && !fetchedByRank[rank]) {
                    fetchedByRank[rank] = true;
                    byRank++;
                }
            }
        }
        double tried = byAddress / (double) byRank;
        assertEquals(tried, new ZipfLaw(PAGES).most(accesses), 0.05 * tried);
    }

    @Test
    void whoReadsLittleGainsMost() {
        ZipfLaw law = new ZipfLaw(1 << 18);
        double few = law.most(1);
        assertTrue(few > 5.5 && few < 6.5, "half the logarithm of the pages: " + few);
        assertTrue(law.most(1000) < few && law.most(1_000_000) < law.most(1000), "a page is waited for once");
    }
}
