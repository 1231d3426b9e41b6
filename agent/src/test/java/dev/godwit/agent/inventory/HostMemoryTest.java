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
        assertEquals(8 * GIB, memory.free(0));
        assertEquals(0, new HostMemory(100 * GIB, GIB).free(0));
        assertEquals(64 << 20, new HostMemory(GIB, GIB).reserve());
    }

    @Test
    void refusesWhatDoesNotFit() {
        HostMemory memory = new HostMemory(100 * GIB, 10 * GIB);
        assertDoesNotThrow(() -> memory.admit(MachineConfig.of(8 * GIB), 0));
        Failure e = assertThrows(Failure.class, () -> memory.admit(MachineConfig.of(16 * GIB), 0));
        assertEquals(
                "a guest of 16 GiB does not fit: this host has 8 GiB to give (100 GiB in all, 10 GiB available, 0 bytes"
                        + " promised to guests here, 2 GiB kept back)",
                e.getMessage());
        // Reserved pages are not part of what is available.
        assertDoesNotThrow(() -> memory.admit(MachineConfig.of(16 * GIB).withLargePages(LargePages.HUGETLB), 0));
    }

    @Test
    void countsWhatGuestsHaveNotTouchedYet() {
        HostMemory memory = new HostMemory(100 * GIB, 95 * GIB);
        assertEquals(38 * GIB, memory.free(60 * GIB));
        assertDoesNotThrow(() -> memory.admit(MachineConfig.of(38 * GIB), 60 * GIB));
        assertThrows(Failure.class, () -> memory.admit(MachineConfig.of(39 * GIB), 60 * GIB));
        assertEquals(0, memory.free(200 * GIB));
    }
}
