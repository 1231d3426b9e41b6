package dev.godwit.bindings.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.foreign.Arena;
import java.lang.management.ManagementFactory;
import org.junit.jupiter.api.Test;

class PollSetTest {
    private static final int ROUNDS = 1000;

    @Test
    void itTellsWhichIsReady() {
        try (Arena arena = Arena.ofConfined()) {
            int one = EventCalls.eventfd(0, EventCalls.EFD_NONBLOCK | EventCalls.EFD_CLOEXEC);
            int other = EventCalls.eventfd(0, EventCalls.EFD_NONBLOCK | EventCalls.EFD_CLOEXEC);
            PollSet set = new PollSet(arena, 3);
            set.set(0, one);
            set.set(2, other);
            assertEquals(0, set.await(0));
            EventCalls.add(other, 1);
            assertEquals(1, set.await(-1));
            assertFalse(set.isReady(0));
            assertFalse(set.isReady(1), "an empty place");
            assertTrue(set.isReady(2));
            set.set(2, -1);
            assertEquals(0, set.await(0), "emptied");
            set.set(1, other);
            assertEquals(1, set.await(0));
            assertTrue(set.isReady(1));
            FileCalls.close(one);
            FileCalls.close(other);
        }
    }

    /** Whoever spins on it would have the collector stop all threads, and guests, again and again. */
    @Test
    void settingAndAskingAllocatesNothing() {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        try (Arena arena = Arena.ofConfined()) {
            PollSet set = new PollSet(arena, 2);
            spin(set, 1);
            long before = threads.getCurrentThreadAllocatedBytes();
            spin(set, ROUNDS);
            long allocated = threads.getCurrentThreadAllocatedBytes() - before;
            assertTrue(allocated < ROUNDS, () -> allocated + " bytes in " + ROUNDS + " rounds");
        }
    }

    private static void spin(PollSet set, int rounds) {
        for (int i = 0; i < rounds; i++) {
            set.set(0, i % 2 - 1);
            set.set(1, -1);
            assertFalse(set.isReady(0) || set.isReady(1));
        }
    }
}
