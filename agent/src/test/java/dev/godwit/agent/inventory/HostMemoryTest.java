package dev.godwit.agent.inventory;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.config.Failure;
import dev.godwit.host.machine.MachineConfig;
import dev.godwit.host.memory.LargePages;
import org.junit.jupiter.api.Test;

class HostMemoryTest {
    private static final long GIB = 1L << 30;

    @Test
    void isReadFromTheKernel() {
        HostMemory memory = HostMemory.now();
        assertTrue(memory.total() > memory.available() && memory.available() > 0, memory.toString());
    }

    @Test
    void keepsAReserve() {
        HostMemory memory = new HostMemory(100 * GIB, 10 * GIB);
        assertEquals(8 * GIB, memory.free());
        assertEquals(0, new HostMemory(100 * GIB, GIB).free());
        assertEquals(64 << 20, new HostMemory(GIB, GIB).reserve());
    }

    @Test
    void refusesWhatDoesNotFit() {
        HostMemory memory = new HostMemory(100 * GIB, 10 * GIB);
        assertDoesNotThrow(() -> memory.admit(MachineConfig.of(8 * GIB)));
        Failure e = assertThrows(Failure.class, () -> memory.admit(MachineConfig.of(16 * GIB)));
        assertEquals("a guest of 16 GiB does not fit: this host has 8 GiB to give", e.getMessage());
        // Reserved pages are not part of what is available.
        assertDoesNotThrow(() -> memory.admit(MachineConfig.of(16 * GIB).withLargePages(LargePages.HUGETLB)));
    }
}
