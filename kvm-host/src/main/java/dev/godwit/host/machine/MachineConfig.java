package dev.godwit.host.machine;

import dev.godwit.host.memory.LargePages;
import dev.godwit.host.memory.PageSize;
import dev.godwit.host.tracking.DirtyTracking;
import java.nio.file.Path;
import java.util.List;

/**
 * What a machine is made of: the part that both sides of a migration must agree on.
 *
 * @param memoryBytes guest RAM in bytes: a multiple of 4096 (2 MiB with hugetlb), at least 2 MiB, at most 1 TiB
 * @param cpus vCPUs, 1 to 64
 * @param commandLine what the guest is told at start
 * @param largePages how RAM is backed
 * @param dirtyTracking how writes are tracked
 * @param disks files or block devices shown as virtio block devices, at most 8
 */
public record MachineConfig(
        long memoryBytes,
        int cpus,
        String commandLine,
        LargePages largePages,
        DirtyTracking dirtyTracking,
        List<Disk> disks) {
    /** Most vCPUs. */
    public static final int MAX_CPUS = 64;

    /** Least RAM, in bytes. */
    public static final long MIN_MEMORY = 2L << 20;

    /** Most RAM, in bytes. */
    public static final long MAX_MEMORY = 1L << 40;

    /** Most disks. */
    public static final int MAX_DISKS = 8;

    /** A disk: its file on the host. */
    public record Disk(Path file, boolean readOnly) {}

    public MachineConfig {
        disks = List.copyOf(disks);
        int unit = largePages == LargePages.HUGETLB ? PageSize.LARGE : PageSize.SMALL;
        if (memoryBytes % unit != 0) {
            throw new MachineConfigException("memory is a multiple of " + (unit == PageSize.LARGE ? "2 MiB" : "4 KiB")
                    + ", not " + memoryBytes + " bytes");
        }
        if (memoryBytes < MIN_MEMORY || memoryBytes > MAX_MEMORY) {
            throw new MachineConfigException("memory is 2 MiB to 1 TiB, not " + memoryBytes + " bytes");
        }
        if (cpus < 1 || cpus > MAX_CPUS) {
            throw new MachineConfigException("a guest has 1 to " + MAX_CPUS + " vCPUs, not " + cpus);
        }
        if (disks.size() > MAX_DISKS) {
            throw new MachineConfigException("a guest has at most " + MAX_DISKS + " disks, not " + disks.size());
        }
    }

    /** A machine of one vCPU with defaults. */
    public static MachineConfig of(long memoryBytes) {
        return new MachineConfig(memoryBytes, 1, "", LargePages.THP, DirtyTracking.LOG, List.of());
    }

    public MachineConfig withCpus(int count) {
        return new MachineConfig(memoryBytes, count, commandLine, largePages, dirtyTracking, disks);
    }

    public MachineConfig withCommandLine(String text) {
        return new MachineConfig(memoryBytes, cpus, text, largePages, dirtyTracking, disks);
    }

    public MachineConfig withLargePages(LargePages choice) {
        return new MachineConfig(memoryBytes, cpus, commandLine, choice, dirtyTracking, disks);
    }

    public MachineConfig withDirtyTracking(DirtyTracking choice) {
        return new MachineConfig(memoryBytes, cpus, commandLine, largePages, choice, disks);
    }

    public MachineConfig withDisks(List<Disk> files) {
        return new MachineConfig(memoryBytes, cpus, commandLine, largePages, dirtyTracking, files);
    }
}
