package dev.godwit.host.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ReadyMemoryTest {
    private static final long CHUNKS = 40;

    private static ReadyMemory filled() {
        ReadyMemory ready = new ReadyMemory(CHUNKS * PageSize.LARGE);
        while (ready.missing() > 0) {
            assertTrue(ready.fill(), "this host gives no large pages");
        }
        return ready;
    }

    private static PageSet large(Arena arena, GuestMemory memory) {
        return Backing.scan(arena, memory).largeChunks();
    }

    @Test
    void whatIsReadyGoesToAGuestAsZerosInLargePages() {
        try (ReadyMemory ready = filled();
                GuestMemory guest = GuestMemory.allocate(8L * PageSize.LARGE, LargePages.THP);
                Arena arena = Arena.ofConfined()) {
            assertEquals(CHUNKS * PageSize.LARGE, ready.bytes());
            assertEquals(3, ready.moveInto(guest, 2, 3));
            assertEquals((CHUNKS - 3) * PageSize.LARGE, ready.bytes());
            assertEquals(3 * PageSize.LARGE, ready.missing());
            PageSet large = large(arena, guest);
            assertEquals(3, large.cardinality());
            assertEquals(2, large.next(0, 8));
            assertEquals(-1, guest.segment().mismatch(arena.allocate(guest.size())), "zeros");
            guest.segment().fill((byte) 7);
            assertFalse(guest.isOneMapping());
        }
    }

    /** What a guest wrote must never come back to another. */
    @Test
    void whatWasTakenIsMadeReadyAnewAndIsZeros() {
        try (ReadyMemory ready = filled();
                Arena arena = Arena.ofConfined()) {
            for (int turn = 0; turn < 3; turn++) {
                try (GuestMemory guest = GuestMemory.allocate(CHUNKS * PageSize.LARGE, LargePages.THP)) {
                    assertEquals(CHUNKS, ready.moveInto(guest, 0, CHUNKS));
                    assertEquals(0, ready.bytes());
                    assertEquals(CHUNKS, large(arena, guest).cardinality());
                    assertTrue(guest.isOneMapping());
                    for (long at = 0; at < guest.size(); at += PageSize.SMALL) {
                        assertEquals(0, guest.segment().get(ValueLayout.JAVA_LONG, at));
                        guest.segment().set(ValueLayout.JAVA_LONG, at, -1);
                    }
                }
                while (ready.missing() > 0) {
                    assertTrue(ready.fill());
                }
            }
        }
    }

    /** A peer says which: none of it may be believed. */
    @ParameterizedTest
    @ValueSource(longs = {-1, 8, 9, Long.MAX_VALUE, Long.MIN_VALUE})
    void chunksThatAGuestHasNotGetNothing(long first) {
        try (ReadyMemory ready = filled();
                GuestMemory guest = GuestMemory.allocate(8L * PageSize.LARGE + PageSize.SMALL, LargePages.THP)) {
            assertEquals(0, ready.moveInto(guest, first, Long.MAX_VALUE));
            assertEquals(0, ready.moveInto(guest, 0, -1));
            assertEquals(CHUNKS * PageSize.LARGE, ready.bytes());
            assertEquals(1, ready.moveInto(guest, 7, Long.MAX_VALUE), "the last whole one");
        }
    }

    @Test
    void guestsWithoutTransparentLargePagesGetNothing() {
        try (ReadyMemory ready = filled();
                GuestMemory guest = GuestMemory.allocate(2L * PageSize.LARGE, LargePages.NONE)) {
            assertEquals(0, ready.moveInto(guest, 0, 2));
        }
    }

    @Test
    void whatIsReleasedIsMissing() {
        ReadyMemory ready = filled();
        try (ready) {
            ready.release();
            assertEquals(0, ready.bytes());
            assertEquals(CHUNKS * PageSize.LARGE, ready.missing());
            assertTrue(ready.fill());
        }
        assertEquals(0, ready.missing(), "nothing is wanted any more");
        assertFalse(ready.fill());
    }

    @Test
    void sizesAreWholeLargePages() {
        assertThrows(GuestMemoryException.class, () -> new ReadyMemory(PageSize.SMALL));
        assertThrows(GuestMemoryException.class, () -> new ReadyMemory(0));
    }
}
