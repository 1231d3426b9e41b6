package dev.godwit.agent.migration;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class LeftOutTest {
    private static final long MILLI = 1_000_000;

    private final LeftOut leftOut = new LeftOut(2);

    @Test
    void eachIsWaitedForAsLongAsAnother() {
        assertEquals(Long.MAX_VALUE, leftOut.waitNanos(0));
        for (int i = 0; i < 5; i++) {
            assertTrue(leftOut.add(7 + i, 10 * MILLI));
            assertTrue(leftOut.add(8 + i, 12 * MILLI));
            assertEquals(2 * MILLI, leftOut.waitNanos(13 * MILLI));
            assertEquals(0, leftOut.waitNanos(20 * MILLI));
            assertEquals(7 + i, leftOut.take());
            assertEquals(4 * MILLI, leftOut.waitNanos(13 * MILLI));
            assertEquals(8 + i, leftOut.take());
            assertEquals(Long.MAX_VALUE, leftOut.waitNanos(20 * MILLI));
        }
    }

    @Test
    void thereAreNoMoreThanCanBeKept() {
        assertTrue(leftOut.add(7, 0));
        assertTrue(leftOut.add(8, 0));
        assertFalse(leftOut.add(9, 0));
        leftOut.clear();
        assertTrue(leftOut.add(9, 0));
        assertEquals(9, leftOut.take());
    }
}
