package dev.godwit.host.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Needs a userfaultfd, no KVM. */
@Tag("kvm")
class ReadyMemoryTest {
    private static final long CHUNKS = 40;

    private static ReadyMemory filled() {
        ReadyMemory ready = new ReadyMemory(CHUNKS * PageSize.LARGE);
        fill(ready);
        return ready;
    }

    private static void fill(ReadyMemory ready) {
        long deadline = System.nanoTime() + 30_000_000_000L;
        while (ready.missing() > 0) {
            // It may have none to give at the moment.
            assertTrue(ready.fill() || System.nanoTime() < deadline, "this host gives no large pages");
        }
    }

    private static PageSet chunks(Arena arena, long... chunks) {
        PageSet set = new PageSet(arena, 64);
        for (long chunk : chunks) {
            set.add(chunk);
        }
        return set;
    }

    private static PageSet all(Arena arena, long count) {
        PageSet set = new PageSet(arena, count);
        set.addAll();
        return set;
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
            assertEquals(3, ready.moveInto(guest, chunks(arena, 2, 3, 6)));
            assertEquals((CHUNKS - 3) * PageSize.LARGE, ready.bytes());
            assertEquals(3 * PageSize.LARGE, ready.missing());
            PageSet large = large(arena, guest);
            assertTrue(large.cardinality() >= 3);
            assertTrue(large.contains(2) && large.contains(3) && large.contains(6));
            assertEquals(-1, guest.segment().mismatch(arena.allocate(guest.size())), "zeros");
            guest.segment().fill((byte) 7);
            assertTrue(guest.isOneMapping());
        }
    }

    /** What a guest wrote must never come back to another. */
    @Test
    void whatWasTakenIsMadeReadyAnewAndIsZeros() {
        try (ReadyMemory ready = filled();
                Arena arena = Arena.ofConfined()) {
            for (int turn = 0; turn < 3; turn++) {
                try (GuestMemory guest = GuestMemory.allocate(CHUNKS * PageSize.LARGE, LargePages.THP)) {
                    assertEquals(CHUNKS, ready.moveInto(guest, all(arena, CHUNKS)));
                    assertEquals(0, ready.bytes());
                    assertEquals(CHUNKS, large(arena, guest).cardinality());
                    assertTrue(guest.isOneMapping());
                    for (long at = 0; at < guest.size(); at += PageSize.SMALL) {
                        assertEquals(0, guest.segment().get(ValueLayout.JAVA_LONG, at));
                        guest.segment().set(ValueLayout.JAVA_LONG, at, -1);
                    }
                }
                fill(ready);
            }
        }
    }

    /** A peer says which: none of it may be believed. */
    @Test
    void chunksThatAGuestHasNotGetNothing() {
        try (ReadyMemory ready = filled();
                Arena arena = Arena.ofConfined();
                GuestMemory guest = GuestMemory.allocate(8L * PageSize.LARGE + PageSize.SMALL, LargePages.THP)) {
            assertEquals(0, ready.moveInto(guest, chunks(arena, 8, 9, 63)));
            assertEquals(CHUNKS * PageSize.LARGE, ready.bytes());
            assertEquals(1, ready.moveInto(guest, chunks(arena, 7, 8)), "the last whole one");
        }
    }

    @Test
    void whatIsNotEnoughBacksTheFirst() {
        try (ReadyMemory ready = filled();
                Arena arena = Arena.ofConfined();
                GuestMemory guest = GuestMemory.allocate(64L * PageSize.LARGE, LargePages.THP)) {
            assertEquals(CHUNKS, ready.moveInto(guest, all(arena, 64)));
            assertEquals(CHUNKS, large(arena, guest).nextAbsent(0, 64));
            assertEquals(0, ready.moveInto(guest, all(arena, 64)));
        }
    }

    /** What is there already is not replaced, and what was to replace it is made ready anew. */
    @Test
    void whatIsThereStays() {
        try (ReadyMemory ready = filled();
                Arena arena = Arena.ofConfined();
                GuestMemory guest = GuestMemory.allocate(8L * PageSize.LARGE, LargePages.THP)) {
            guest.segment().set(ValueLayout.JAVA_LONG, 3L * PageSize.LARGE, 7);
            assertEquals(7, ready.moveInto(guest, all(arena, 8)));
            assertEquals(7, guest.segment().get(ValueLayout.JAVA_LONG, 3L * PageSize.LARGE));
            assertEquals((CHUNKS - 8) * PageSize.LARGE, ready.bytes());
            guest.segment().fill((byte) 1); // nobody waits for a page: it is not watched any more
            while (ready.missing() > 0) {
                assertTrue(ready.fill());
            }
        }
    }

    /** Of a guest of which only a part is here the rest must not become large by it. */
    @Test
    void guestsThatPreferSmallPagesGetThemToo() {
        try (ReadyMemory ready = filled();
                Arena arena = Arena.ofConfined();
                GuestMemory guest = GuestMemory.allocate(8L * PageSize.LARGE, LargePages.THP)) {
            guest.preferLarge(false);
            assertEquals(2, ready.moveInto(guest, chunks(arena, 1, 5)));
            guest.segment().set(ValueLayout.JAVA_LONG, 0, 7);
            PageSet large = large(arena, guest);
            assertTrue(large.contains(1) && large.contains(5));
            assertEquals(2, large.cardinality());
        }
    }

    @Test
    void guestsWithoutTransparentLargePagesGetNothing() {
        try (ReadyMemory ready = filled();
                Arena arena = Arena.ofConfined();
                GuestMemory guest = GuestMemory.allocate(2L * PageSize.LARGE, LargePages.NONE)) {
            assertEquals(0, ready.moveInto(guest, all(arena, 2)));
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
