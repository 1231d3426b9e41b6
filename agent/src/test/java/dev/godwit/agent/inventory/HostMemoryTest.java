package dev.godwit.agent.inventory;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.config.Failure;
import dev.godwit.agent.memoryhost.RemoteConfig;
import dev.godwit.agent.migration.GuestDescription;
import dev.godwit.host.machine.MachineConfig;
import dev.godwit.host.memory.LargePages;
import java.util.Optional;
import java.util.UUID;
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
        HostMemory memory = new HostMemory(100 * GIB, 10 * GIB, 0);
        assertEquals(8 * GIB, memory.free(0));
        assertEquals(0, new HostMemory(100 * GIB, GIB, 0).free(0));
        assertEquals(64 << 20, new HostMemory(GIB, GIB, 0).reserve());
    }

    @Test
    void refusesWhatDoesNotFit() {
        HostMemory memory = new HostMemory(100 * GIB, 10 * GIB, 0);
        assertDoesNotThrow(() -> memory.admit(guest(MachineConfig.of(8 * GIB)), 0));
        Failure e = assertThrows(Failure.class, () -> memory.admit(guest(MachineConfig.of(16 * GIB)), 0));
        assertEquals(
                "a guest of 16 GiB does not fit: this host has 8 GiB to give (100 GiB in all, 10 GiB available, 0 bytes"
                        + " promised to guests here, 2 GiB kept back)",
                e.getMessage());
        // Reserved pages are not part of what is available.
        assertDoesNotThrow(() -> memory.admit(guest(MachineConfig.of(16 * GIB).withLargePages(LargePages.HUGETLB)), 0));
    }

    @Test
    void countsWhatGuestsHaveNotTouchedYet() {
        HostMemory untouched = new HostMemory(100 * GIB, 95 * GIB, 0);
        assertEquals(33 * GIB, untouched.free(60 * GIB));
        assertDoesNotThrow(() -> untouched.admit(guest(MachineConfig.of(33 * GIB)), 60 * GIB));
        assertThrows(Failure.class, () -> untouched.admit(guest(MachineConfig.of(34 * GIB)), 60 * GIB));
        assertEquals(0, untouched.free(200 * GIB));
        assertEquals(33 * GIB, new HostMemory(100 * GIB, 55 * GIB, 40 * GIB).free(60 * GIB));
    }

    @Test
    void countsWhatOtherProgramsHold() {
        // 50 GiB are others': of the 40 that are left 30 were promised, of which 10 are touched.
        HostMemory memory = new HostMemory(100 * GIB, 40 * GIB, 10 * GIB);
        assertEquals(18 * GIB, memory.free(30 * GIB));
    }

    /** What is on its way to a memory host and back is here as well. */
    @Test
    void countsWhatAGuestWithAMemoryHostTakesHere() {
        RemoteConfig remote = new RemoteConfig("127.0.0.1", 9, UUID.randomUUID(), GIB);
        GuestDescription guest = new GuestDescription("guest", "", MachineConfig.of(16 * GIB), Optional.of(remote));
        long takes = GIB + (26 << 20);
        assertEquals(takes, HostMemory.ordinaryBytes(guest));
        assertDoesNotThrow(() -> new HostMemory(100 * GIB, 2 * GIB + takes, 0).admit(guest, 0));
        assertThrows(Failure.class, () -> new HostMemory(100 * GIB, 2 * GIB + takes - 1, 0).admit(guest, 0));
    }

    private static GuestDescription guest(MachineConfig config) {
        return new GuestDescription("guest", "", config);
    }
}
