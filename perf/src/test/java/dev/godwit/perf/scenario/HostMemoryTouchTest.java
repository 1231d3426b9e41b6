package dev.godwit.perf.scenario;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.inventory.HostMemory;
import org.junit.jupiter.api.Test;

class HostMemoryTouchTest {
    private static final long GIB = 1L << 30;
    private static final long LARGE = 2L << 20;

    /** 8 GiB of guest at the source, 8 ready at the target: of the 16 that a turn begins with there are not half. */
    @Test
    void noMoreIsTouchedThanIsFree() {
        HostMemory host = new HostMemory(24 * GIB, 7 * GIB, 0);
        assertEquals(GIB, HostMemoryTouch.atMost(GIB, host));
        long most = HostMemoryTouch.atMost(16 * GIB, host);
        assertTrue(most > 6 * GIB && most < 7 * GIB, most + " bytes");
        assertEquals(0, most % LARGE);
        assertEquals(LARGE, HostMemoryTouch.atMost(GIB, new HostMemory(24 * GIB, 0, 0)));
    }
}
