package dev.godwit.host.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Address arithmetic around the device hole, on RAM that is mapped but hardly touched. */
class GuestMemoryTest {
    private static final long SEED = Long.getLong("godwit.test.seed", System.nanoTime());
    private static final long MIB = 1L << 20;
    private static final long GIB = 1L << 30;
    private static final long PAGE = PageSize.SMALL;

    @ParameterizedTest
    @ValueSource(
            longs = {PAGE, 2 * MIB, 2 * MIB + PAGE, 3 * GIB - PAGE, 3 * GIB, 3 * GIB + PAGE, 4 * GIB, 6 * GIB + PAGE})
    void everyPageHasOneAddressAndEveryAddressOneByte(long bytes) {
        Random random = new Random(SEED);
        try (GuestMemory memory = GuestMemory.allocate(bytes, LargePages.THP)) {
            assertEquals(bytes, memory.size());
            assertEquals(0, memory.hva() % PageSize.LARGE);
            assertEquals(Math.min(bytes, 3 * GIB) / PAGE, memory.lowPages());
            long last = memory.pages() - 1;
            for (long page :
                    new long[] {0, last, Math.min(last, 3 * GIB / PAGE - 1), random.nextLong(memory.pages())}) {
                long gpa = memory.addressOf(page).value();
                assertEquals(page * PAGE < 3 * GIB ? page * PAGE : page * PAGE + GIB, gpa);
                assertEquals(memory.hva() + page * PAGE, memory.slice(gpa, PAGE).address());
                assertTrue(memory.contains(gpa, PAGE));
                assertEquals(page, memory.pageAt(gpa));
                assertEquals(page, memory.pageAt(gpa + PAGE - 1));
            }
            for (long none :
                    new long[] {-1, Math.min(bytes, 3 * GIB), 4 * GIB - 1, Math.max(bytes, 3 * GIB) + GIB, 1L << 62}) {
                assertEquals(-1, memory.pageAt(none), "0x" + Long.toHexString(none));
            }
            assertThrows(IndexOutOfBoundsException.class, () -> memory.addressOf(memory.pages()));
            assertThrows(IndexOutOfBoundsException.class, () -> memory.addressOf(-1));
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {2 * MIB, 3 * GIB, 3 * GIB + PAGE, 5 * GIB})
    void containsAgreesWithArithmeticThatCannotOverflow(long bytes) {
        Random random = new Random(SEED);
        try (GuestMemory memory = GuestMemory.allocate(bytes, LargePages.NONE)) {
            long[] edges = {0, bytes, 3 * GIB, 4 * GIB, bytes + GIB, 1L << 46, Long.MAX_VALUE, Long.MIN_VALUE};
            for (int i = 0; i < 20_000; i++) {
                long gpa =
                        edges[random.nextInt(edges.length)] + random.nextInt(-3, 4) * (random.nextBoolean() ? 1 : PAGE);
                long length = edges[random.nextInt(edges.length)] + random.nextInt(-3, 4);
                boolean expected = inside(gpa, length, 0, Math.min(bytes, 3 * GIB))
                        || inside(gpa, length, 4 * GIB, 4 * GIB + Math.max(0, bytes - 3 * GIB));
                assertEquals(expected, memory.contains(gpa, length), gpa + " + " + length + ", seed " + SEED);
                if (!expected) {
                    assertThrows(GuestMemoryException.class, () -> memory.slice(gpa, length));
                } else {
                    assertEquals(length, memory.slice(gpa, length).byteSize());
                }
            }
        }
    }

    private static boolean inside(long gpa, long length, long start, long end) {
        return gpa >= start && gpa <= end && length >= 0 && Math.subtractExact(end, gpa) >= length;
    }

    @Test
    void sizesThatCannotBeAreNamed() {
        for (long bytes : new long[] {0, -PAGE, 1, PAGE + 1}) {
            GuestMemoryException e =
                    assertThrows(GuestMemoryException.class, () -> GuestMemory.allocate(bytes, LargePages.THP));
            assertTrue(e.getMessage().contains(bytes + " bytes"), e.getMessage());
        }
        assertThrows(GuestMemoryException.class, () -> GuestMemory.allocate(PAGE, LargePages.HUGETLB));
    }

    @Test
    void whatTheAgentWroteComesOutOnce() throws InterruptedException {
        try (GuestMemory memory = GuestMemory.allocate(3 * GIB + 2 * PAGE, LargePages.NONE);
                Arena arena = Arena.ofConfined()) {
            PageSet set = new PageSet(arena, memory.pages());
            memory.markWritten(PAGE - 1, 2);
            memory.markWritten(4 * GIB + PAGE, 1);
            memory.markWritten(7 * PAGE, 0);
            memory.peekWritten(set);
            assertEquals(3, set.cardinality());
            set.clear();
            PageSet which = new PageSet(arena, memory.pages());
            which.addRange(1, 10);
            memory.drainWritten(which, set);
            assertTrue(set.contains(1) && set.cardinality() == 1);
            assertEquals(2, memory.drainWritten(set));
            assertTrue(set.contains(0) && set.contains(1) && set.contains(3 * GIB / PAGE + 1));
            assertEquals(0, memory.drainWritten(set));
            assertThrows(GuestMemoryException.class, () -> memory.markWritten(3 * GIB - 1, 2));
            assertThrows(GuestMemoryException.class, () -> memory.markWritten(4 * GIB, Long.MAX_VALUE));
            assertThrows(GuestMemoryException.class, () -> memory.markWritten(-1, 1));

            set.clear();
            which.clear();
            for (long page = 0; page < 20_000; page += 3) {
                which.add(page);
            }
            markFromTwoThreads(memory, which, set);
            assertEquals(2 * 10_000, set.cardinality());
        }
    }

    /** Neighbouring bits from two threads while a third takes them out, some of them first: none is lost. */
    private static void markFromTwoThreads(GuestMemory memory, PageSet which, PageSet into)
            throws InterruptedException {
        CountDownLatch running = new CountDownLatch(2);
        for (int odd = 0; odd < 2; odd++) {
            int mine = odd;
            Thread.ofPlatform().start(() -> {
                for (int i = 0; i < 10_000; i++) {
                    memory.markWritten((2 * i + mine) * PAGE, 1);
                }
                running.countDown();
            });
        }
        while (running.getCount() > 0) {
            memory.drainWritten(which, into);
            memory.drainWritten(into);
            Thread.onSpinWait();
        }
        running.await();
        memory.drainWritten(into);
    }

    @Test
    void closedTwiceItIsClosedOnce() {
        GuestMemory memory = GuestMemory.allocate(2 * MIB, LargePages.THP);
        memory.close();
        memory.close();
        assertFalse(memory.segment().scope().isAlive());
        assertThrows(IllegalStateException.class, () -> memory.segment().get(ValueLayout.JAVA_BYTE, 0));
    }
}
