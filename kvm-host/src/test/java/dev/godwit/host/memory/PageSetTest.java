package dev.godwit.host.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.util.BitSet;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A page set does what {@link BitSet} does. */
class PageSetTest {
    private static final long SEED = Long.getLong("godwit.test.seed", System.nanoTime());
    private static final int STEPS = 20_000;

    @ParameterizedTest
    @ValueSource(ints = {1, 63, 64, 65, 127, 128, 1000, 4096, 20_001})
    void agreesWithBitSet(int pages) {
        Random random = new Random(SEED + pages);
        BitSet oracle = new BitSet(pages);
        try (Arena arena = Arena.ofConfined()) {
            PageSet set = new PageSet(arena, pages);
            for (int step = 0; step < STEPS; step++) {
                int first = random.nextInt(pages + 1);
                int end = first + random.nextInt(pages - first + 1);
                change(random, set, oracle, first, end);
                String where = "seed " + SEED + ", step " + step + ", " + first + " to " + end;
                int present = oracle.nextSetBit(first);
                assertEquals(present < 0 || present >= end ? end : present, set.next(first, end), where);
                assertEquals(Math.min(oracle.nextClearBit(first), end), set.nextAbsent(first, end), where);
                assertEquals(oracle.get(first, end).cardinality(), set.cardinality(first, end), where);
                assertEquals(oracle.isEmpty(), set.isEmpty(), where);
            }
            assertEquals(oracle.cardinality(), set.cardinality(), "seed " + SEED);
            for (int page = 0; page < pages; page++) {
                assertEquals(oracle.get(page), set.contains(page), "page " + page + ", seed " + SEED);
            }
        }
    }

    private static void change(Random random, PageSet set, BitSet oracle, int first, int end) {
        switch (random.nextInt(8)) {
            case 0, 1 -> {
                set.addRange(first, end - first);
                oracle.set(first, end);
            }
            case 2, 3 -> {
                set.removeRange(first, end - first);
                oracle.clear(first, end);
            }
            case 4 -> {
                if (first < set.pages()) {
                    set.add(first);
                    oracle.set(first);
                }
            }
            case 5 -> {
                if (first < set.pages()) {
                    set.remove(first);
                    oracle.clear(first);
                }
            }
            case 6 -> {
                if (random.nextInt(50) == 0) {
                    set.clear();
                    oracle.clear();
                }
            }
            default -> {
                if (random.nextInt(50) == 0) {
                    set.addAll();
                    oracle.set(0, (int) set.pages());
                }
            }
        }
    }

    @Test
    void addsOthersAndCountsWhatIsNew() {
        try (Arena arena = Arena.ofConfined()) {
            PageSet one = new PageSet(arena, 200);
            PageSet other = new PageSet(arena, 200);
            one.addRange(60, 10);
            other.addRange(65, 100);
            one.addAll(other);
            assertEquals(105, one.cardinality());
            assertEquals(4, one.orWord(0, 0xffL << 56), "60 to 63 were there");
            assertFalse(one.contains(55));
            assertEquals(4, one.wordCount());
        }
    }

    @Test
    void removesOthers() {
        try (Arena arena = Arena.ofConfined()) {
            PageSet one = new PageSet(arena, 200);
            PageSet other = new PageSet(arena, 200);
            one.addRange(60, 100);
            other.addRange(65, 10);
            other.addRange(150, 50);
            one.removeAll(other);
            assertEquals(5 + 75, one.cardinality());
            assertEquals(65, one.nextAbsent(60, 200));
            assertEquals(75, one.next(65, 200));
            assertEquals(150, one.nextAbsent(75, 200));
        }
    }

    @Test
    void pagesThatDoNotExistAreRefused() {
        try (Arena arena = Arena.ofConfined()) {
            PageSet set = new PageSet(arena, 100);
            assertThrows(IndexOutOfBoundsException.class, () -> set.add(100));
            assertThrows(IndexOutOfBoundsException.class, () -> set.add(-1));
            assertThrows(IndexOutOfBoundsException.class, () -> set.remove(100));
            assertThrows(IndexOutOfBoundsException.class, () -> set.addRange(50, 51));
            assertThrows(IndexOutOfBoundsException.class, () -> set.addRange(1, Long.MAX_VALUE));
            assertThrows(IndexOutOfBoundsException.class, () -> set.removeRange(Long.MAX_VALUE, 1));
            assertThrows(IndexOutOfBoundsException.class, () -> set.removeRange(10, -1));
            set.addRange(100, 0);
            assertTrue(set.isEmpty());
        }
    }

    /** The last chunk is shorter. */
    @Test
    void isWidenedToWholeChunks() {
        try (Arena arena = Arena.ofConfined()) {
            PageSet set = new PageSet(arena, 3 * 512 + 100);
            assertTrue(set.isOfWholeChunks());
            set.add(700);
            set.add(3 * 512 + 99);
            assertFalse(set.isOfWholeChunks());
            set.widenToChunks();
            assertTrue(set.isOfWholeChunks());
            assertEquals(512 + 100, set.cardinality());
            assertEquals(512, set.next(0, 1024));
            set.remove(3 * 512);
            assertFalse(set.isOfWholeChunks());
        }
    }

    @Test
    void anEmptyRangeOfPagesIsASetToo() {
        try (Arena arena = Arena.ofConfined()) {
            PageSet set = new PageSet(arena, 0);
            set.addAll();
            assertTrue(set.isEmpty());
            assertEquals(0, set.next(0, 0));
        }
    }
}
