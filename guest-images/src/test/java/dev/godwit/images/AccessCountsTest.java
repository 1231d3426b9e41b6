package dev.godwit.images;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.BitSet;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class AccessCountsTest {
    @Test
    void linesMakeCountsOfPages() {
        AccessCounts.Reader reader = new AccessCounts.Reader();
        assertEquals(Optional.empty(), reader.accept("READY vcpus=1"));
        assertEquals(Optional.empty(), reader.accept("ACCESSES first=0x10 counts=BgCA\r"));
        assertEquals(Optional.empty(), reader.accept("ACCESSES first=0x100000 counts=C"));
        AccessCounts counts = reader.accept("ACCESSED pages=4 accesses=67").orElseThrow();
        assertEquals(4, counts.pages());
        assertEquals(67, counts.total());
        assertEquals(0x10, counts.page(0));
        assertEquals(0x12, counts.page(2));
        assertEquals(0x100000, counts.page(3));
        assertEquals(64, counts.count(1));
        assertEquals(0, counts.count(2));
    }

    @Test
    void theTopIsOfPagesThatWereAccessedAndTiesGoToTheLower() {
        AccessCounts counts = counts(0, 5, 7, 5, 0);
        assertEquals(set(2), counts.top(0.2));
        assertEquals(set(2, 1), counts.top(0.21));
        assertEquals(set(1, 2, 3), counts.top(1));
        assertEquals(set(), counts.top(0));
        assertEquals(12.0 / 17, counts.shareOf(set(1, 2)));
        assertEquals(0, counts(0, 0).shareOf(set(0)));
        assertThrows(IllegalArgumentException.class, () -> counts.top(1.5));
    }

    @Test
    void anAnswerThatDoesNotAddUpIsRefused() {
        AccessCounts.Reader reader = new AccessCounts.Reader();
        reader.accept("ACCESSES first=0x10 counts=BC");
        assertEquals(
                "the guest counted 4 accesses to 2 pages, its lines say 3 to 2",
                assertThrows(IllegalArgumentException.class, () -> reader.accept("ACCESSED pages=2 accesses=4"))
                        .getMessage());
        assertThrows(IllegalArgumentException.class, () -> reader.accept("ACCESSES first=0x10 counts=B!"));
        assertThrows(IllegalArgumentException.class, () -> reader.accept("ACCESSES counts=B"));
    }

    @Test
    void packedNumbersComeBack() {
        long seed = System.nanoTime();
        SplittableRandom random = new SplittableRandom(seed);
        for (int round = 0; round < 200; round++) {
            long[] numbers = random.longs(random.nextInt(20))
                    .map(n -> n >>> (4 + random.nextInt(60)))
                    .toArray();
            assertArrayEquals(
                    numbers, PackedNumbers.unpack(PackedNumbers.pack(numbers)), "seed " + seed + ", round " + round);
        }
    }

    @Test
    void damagedPackedNumbersAreRefused() {
        assertThrows(IllegalArgumentException.class, () -> PackedNumbers.unpack("Bg"));
        assertThrows(IllegalArgumentException.class, () -> PackedNumbers.unpack("ggggggggggggggA"));
        assertThrows(IllegalArgumentException.class, () -> PackedNumbers.unpack("B C"));
    }

    private static AccessCounts counts(long... counts) {
        AccessCounts.Reader reader = new AccessCounts.Reader();
        long sum = 0;
        for (long count : counts) {
            sum += count;
        }
        reader.accept("ACCESSES first=0x300 counts=" + PackedNumbers.pack(counts));
        return reader.accept("ACCESSED pages=" + counts.length + " accesses=" + sum)
                .orElseThrow();
    }

    private static BitSet set(int... indexes) {
        BitSet set = new BitSet();
        for (int index : indexes) {
            set.set(index);
        }
        return set;
    }
}
