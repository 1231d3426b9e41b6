package dev.godwit.agent.api;

import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.HostPort;
import dev.godwit.agent.config.Quoted;
import dev.godwit.agent.config.Sizes;
import dev.godwit.agent.memoryhost.RemoteConfig;
import dev.godwit.host.machine.MachineConfig;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.tracking.DirtyTracking;
import java.net.InetSocketAddress;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Collectors;

/**
 * A guest to be started; null is the default.
 *
 * @param name see {@link dev.godwit.agent.inventory.GuestNames}
 * @param image absolute path of a file on the agent's host, or the name of an image that comes with Godwit
 * @param memoryBytes guest RAM; default 256 MiB
 * @param cpus default 1
 * @param cmdline default empty
 * @param largePages {@code thp} (default), {@code hugetlb} or {@code none}
 * @param dirtyTracking {@code log} (default) or {@code ring}
 * @param disks default none
 * @param paused do not let it run yet; default false
 * @param memoryHost where the part of its memory is to be that is not on the agent's host; default nowhere
 */
public record StartRequest(
        String name,
        String image,
        Long memoryBytes,
        Integer cpus,
        String cmdline,
        String largePages,
        String dirtyTracking,
        List<Disk> disks,
        Boolean paused,
        MemoryHost memoryHost) {
    /** Guest RAM where nothing else is asked for. */
    public static final long DEFAULT_MEMORY = 256L << 20;

    /** A guest with all of its memory on the agent's host. */
    public StartRequest(
            String name,
            String image,
            Long memoryBytes,
            Integer cpus,
            String cmdline,
            String largePages,
            String dirtyTracking,
            List<Disk> disks,
            Boolean paused) {
        this(name, image, memoryBytes, cpus, cmdline, largePages, dirtyTracking, disks, paused, null);
    }

    /** The same guest, with a part of its memory there. */
    public StartRequest with(MemoryHost there) {
        return new StartRequest(
                name, image, memoryBytes, cpus, cmdline, largePages, dirtyTracking, disks, paused, there);
    }

    /**
     * A memory host.
     *
     * @param address {@code host:port}
     * @param localBytes about how much of its memory the guest may have on the agent's host, at least 16 MiB
     */
    public record MemoryHost(String address, Long localBytes) {}

    /**
     * The memory host, with a new region for the guest.
     *
     * @throws Failure bad input
     */
    public Optional<RemoteConfig> remote() {
        if (memoryHost == null) {
            return Optional.empty();
        }
        if (memoryHost.address == null || memoryHost.localBytes == null) {
            throw Failure.badInput("field 'memoryHost': both 'address' and 'localBytes' are needed");
        }
        InetSocketAddress address = HostPort.parseTarget("--memory-host", memoryHost.address);
        if (memoryHost.localBytes < RemoteConfig.LEAST_LOCAL) {
            throw Failure.badInput("--local: a guest keeps at least 16 MiB of its memory here, not "
                    + Sizes.human(memoryHost.localBytes));
        }
        return Optional.of(
                new RemoteConfig(address.getHostString(), address.getPort(), UUID.randomUUID(), memoryHost.localBytes));
    }

    /** A disk: a file or block device of the agent's host. */
    public record Disk(String file, Boolean readOnly) {}

    /**
     * What the machine is made of.
     *
     * @throws Failure bad input
     * @throws dev.godwit.host.machine.MachineConfigException when nobody could build it
     */
    public MachineConfig config() {
        if (image == null || image.isEmpty()) {
            throw Failure.badInput("field 'image' is missing");
        }
        return MachineConfig.of(memoryBytes == null ? DEFAULT_MEMORY : memoryBytes)
                .withCpus(cpus == null ? 1 : cpus)
                .withCommandLine(cmdline == null ? "" : cmdline)
                .withLargePages(choice("largePages", LargePages.class, largePages, LargePages.THP))
                .withDirtyTracking(choice("dirtyTracking", DirtyTracking.class, dirtyTracking, DirtyTracking.LOG))
                .withDisks(
                        disks == null
                                ? List.of()
                                : disks.stream().map(StartRequest::disk).toList());
    }

    private static MachineConfig.Disk disk(Disk disk) {
        if (disk == null) {
            throw Failure.badInput("field 'disks': a disk is an object");
        }
        return new MachineConfig.Disk(AbsolutePath.of("disks", disk.file), Boolean.TRUE.equals(disk.readOnly));
    }

    private static <E extends Enum<E>> E choice(String field, Class<E> type, String text, E otherwise) {
        if (text == null) {
            return otherwise;
        }
        for (E value : type.getEnumConstants()) {
            if (value.name().toLowerCase(Locale.ROOT).equals(text)) {
                return value;
            }
        }
        throw Failure.badInput("field '" + field + "': " + Quoted.of(text) + " is none of "
                + Arrays.stream(type.getEnumConstants())
                        .map(v -> v.name().toLowerCase(Locale.ROOT))
                        .collect(Collectors.joining(", ")));
    }
}
