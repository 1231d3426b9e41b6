package dev.godwit.agent.migration;

import dev.godwit.agent.Eventually;
import dev.godwit.agent.memoryhost.HostRoom;
import dev.godwit.agent.memoryhost.MemoryHost;
import dev.godwit.agent.memoryhost.Pot;
import dev.godwit.agent.memoryhost.RemoteConfig;
import dev.godwit.agent.memoryhost.RemoteMemory;
import dev.godwit.agent.stream.Bandwidth;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.machine.MachineConfig;
import dev.godwit.host.vcpu.StopReason;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.UUID;

/** A guest for tests, that may have 24 MiB here and has the rest at a memory host, and its migrations. */
final class RemoteSource implements AutoCloseable {
    private static final long LOCAL = 24 << 20;
    private static final long MEMORY_HOST = 256L << 20;
    private static final long ELSEWHERE_PAGES = 40 * 256;

    private final Machine machine;
    private final RemoteMemory memory;
    private final GuestDescription guest;

    private RemoteSource(Machine machine, RemoteMemory memory, GuestDescription guest) {
        this.machine = machine;
        this.memory = memory;
        this.guest = guest;
    }

    /** A memory host with more room than any of these guests needs, which keeps its pages in this process. */
    static MemoryHost memoryHost() {
        return memoryHost(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), null);
    }

    /** The same at an address, in files if there is a directory for them. */
    static MemoryHost memoryHost(InetSocketAddress address, Path directory) {
        return MemoryHost.start(address, LoopbackHost.SECRET, MEMORY_HOST, directory, Duration.ZERO);
    }

    /**
     * Runs a machine that has just been built, until more than 40 MiB of its memory have left it.
     *
     * @param ready the start of the line by which it says that its memory is filled
     */
    static RemoteSource start(Machine machine, MachineConfig config, InetSocketAddress memoryHost, String ready)
            throws Exception {
        return start(machine, config, memoryHost, ready, new Pot(Long.MAX_VALUE));
    }

    /** The same on a host with only so much room. */
    static RemoteSource start(
            Machine machine, MachineConfig config, InetSocketAddress memoryHost, String ready, HostRoom room)
            throws Exception {
        RemoteConfig remote = new RemoteConfig("127.0.0.1", memoryHost.getPort(), UUID.randomUUID(), LOCAL);
        RemoteMemory memory = RemoteMemory.create(machine, remote, LoopbackHost.SECRET, room);
        machine.resume();
        GuestTalk.await(machine, 0, ready);
        Eventually.await(() -> memory.status().remotePages() > ELSEWHERE_PAGES, "its memory leaves it");
        return new RemoteSource(machine, memory, new GuestDescription("web", "dirtier", config, Optional.of(remote)));
    }

    Machine machine() {
        return machine;
    }

    GuestDescription description() {
        return guest;
    }

    RemoteMemory memory() {
        return memory;
    }

    /** A migration that has not begun. */
    Migration to(RemoteHost target, MigrationOptions options) {
        return new Migration(
                machine,
                guest,
                Optional.of(memory),
                target.address(),
                LoopbackHost.SECRET,
                options,
                Bandwidth.unlimited());
    }

    @Override
    public void close() {
        machine.stop(new StopReason(StopReason.Kind.STOPPED, 0, "the test has ended"));
        memory.close();
        machine.close();
    }
}
