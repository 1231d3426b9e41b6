package dev.godwit.perf.scenario;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import java.util.Iterator;
import java.util.List;
import org.junit.jupiter.api.Test;

class HostMemoryTouchTest {
    private static final long STEP = HostMemoryTouch.STEP;

    /** An agent makes memory ready at the same time. */
    @Test
    void noMoreIsTouchedThanIsFree() {
        try (GuestMemory memory = GuestMemory.allocate(3 * STEP, LargePages.THP)) {
            Iterator<Long> free = List.of(10 * STEP, STEP, STEP - 1).iterator();
            assertEquals(2 * STEP, HostMemoryTouch.touch(memory, free::next).bytes());
        }
    }

    @Test
    void allIsTouchedThatIsAskedFor() {
        try (GuestMemory memory = GuestMemory.allocate(STEP + (2L << 20), LargePages.THP)) {
            assertEquals(
                    STEP + (2L << 20), HostMemoryTouch.touch(memory, () -> STEP).bytes());
        }
    }
}
