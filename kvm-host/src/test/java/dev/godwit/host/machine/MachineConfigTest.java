package dev.godwit.host.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.godwit.host.memory.LargePages;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** Machines nobody can build are refused with the value and the right range. */
class MachineConfigTest {
    private static final MachineConfig GOOD = MachineConfig.of(64 << 20);

    @Test
    void theEdgesAreAllowed() {
        assertEquals(2 << 20, MachineConfig.of(2 << 20).memoryBytes());
        assertEquals(1L << 40, MachineConfig.of(1L << 40).memoryBytes());
        assertEquals((2 << 20) + 4096, MachineConfig.of((2 << 20) + 4096).memoryBytes());
        assertEquals(64, GOOD.withCpus(64).cpus());
        assertEquals(8, GOOD.withDisks(disks(8)).disks().size());
        assertEquals(LargePages.HUGETLB, GOOD.withLargePages(LargePages.HUGETLB).largePages());
    }

    @Test
    void beyondThemIsNot() {
        refused("memory is a multiple of 4 KiB, not 67108865 bytes", () -> MachineConfig.of((64 << 20) + 1));
        refused("memory is 2 MiB to 1 TiB, not 2093056 bytes", () -> MachineConfig.of((2 << 20) - 4096));
        refused("memory is 2 MiB to 1 TiB, not 1099511631872 bytes", () -> MachineConfig.of((1L << 40) + 4096));
        refused("memory is 2 MiB to 1 TiB, not 0 bytes", () -> MachineConfig.of(0));
        refused("memory is 2 MiB to 1 TiB, not -4096 bytes", () -> MachineConfig.of(-4096));
        refused("memory is 2 MiB to 1 TiB, not -9223372036854775808 bytes", () -> MachineConfig.of(Long.MIN_VALUE));
        refused("a guest has 1 to 64 vCPUs, not 0", () -> GOOD.withCpus(0));
        refused("a guest has 1 to 64 vCPUs, not 65", () -> GOOD.withCpus(65));
        refused("a guest has at most 8 disks, not 9", () -> GOOD.withDisks(disks(9)));
        refused(
                "memory is a multiple of 2 MiB, not 67112960 bytes",
                () -> MachineConfig.of((64 << 20) + 4096).withLargePages(LargePages.HUGETLB));
    }

    private static List<MachineConfig.Disk> disks(int count) {
        return Collections.nCopies(count, new MachineConfig.Disk(Path.of("disk"), false));
    }

    private static void refused(String message, Executable building) {
        assertEquals(
                message, assertThrows(MachineConfigException.class, building).getMessage());
    }
}
