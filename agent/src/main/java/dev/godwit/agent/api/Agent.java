package dev.godwit.agent.api;

import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.HostPort;
import dev.godwit.agent.inventory.EngineMover;
import dev.godwit.agent.inventory.GuestState;
import dev.godwit.agent.inventory.Inventory;
import dev.godwit.agent.inventory.ReadyKeeper;
import dev.godwit.agent.inventory.ReportStore;
import dev.godwit.agent.metrics.AgentMetrics;
import dev.godwit.agent.migration.MigrationException;
import dev.godwit.agent.migration.MigrationServer;
import dev.godwit.agent.migration.Rehearsal;
import dev.godwit.agent.stream.Bandwidth;
import dev.godwit.agent.transport.Credentials;
import dev.godwit.agent.transport.TlsRehearsal;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.memory.ReadyMemory;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A whole agent in this process: its directory, guests, migration port and API.
 *
 * <pre>{@code
 * try (Agent agent = Agent.start(directory, new InetSocketAddress("127.0.0.1", 0), secret)) { … }
 * }</pre>
 */
public final class Agent implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Agent.class);

    private final Deque<AutoCloseable> parts = new ArrayDeque<>();
    private AgentDirectory directory;
    private Inventory inventory;
    private InetSocketAddress address;

    private Agent() {}

    /**
     * Starts an agent; it serves when this returns.
     *
     * @param path its directory
     * @param listen where migrations are to arrive; port 0 is any that is free
     * @throws Failure when the directory or the port is taken
     * @throws dev.godwit.host.kvm.KvmUnavailableException when this host runs no guests
     */
    public static Agent start(Path path, InetSocketAddress listen, Credentials credentials) {
        return start(path, listen, credentials, Bandwidth.unlimited(), 0);
    }

    /**
     * Starts an agent; it serves when this returns.
     *
     * @param path its directory
     * @param listen where migrations are to arrive; port 0 is any that is free
     * @param bandwidth what its migrations to others share
     * @param readyBytes memory that it keeps ready for guests that arrive, a multiple of 2 MiB, or 0
     * @throws Failure when the directory or the port is taken
     * @throws dev.godwit.host.kvm.KvmUnavailableException when this host runs no guests
     */
    public static Agent start(
            Path path, InetSocketAddress listen, Credentials credentials, Bandwidth bandwidth, long readyBytes) {
        Agent agent = new Agent();
        try {
            agent.assemble(path, listen, credentials, bandwidth, readyBytes);
            return agent;
        } catch (RuntimeException | Error e) {
            agent.close();
            throw e;
        }
    }

    private void assemble(
            Path path, InetSocketAddress listen, Credentials credentials, Bandwidth bandwidth, long readyBytes) {
        directory = add(AgentDirectory.take(path));
        AgentMetrics metrics = new AgentMetrics();
        Kvm kvm = Kvm.open();
        inventory = add(new Inventory(
                kvm,
                credentials,
                EngineMover.with(credentials, bandwidth),
                new ReportStore(directory.migrations()),
                metrics,
                readyBytes == 0 ? Optional.empty() : Optional.of(new ReadyMemory(readyBytes))));
        Thread rehearsal = Thread.ofPlatform().daemon().name("rehearsal").unstarted(() -> rehearse(kvm, credentials));
        add(rehearsal::join); // before KVM is closed
        gauges(metrics);
        MigrationServer port = add(listen(listen, credentials));
        port.start();
        address = port.address();
        add(ApiServer.start(
                directory,
                inventory,
                metrics,
                new AgentInfo(
                        Version.TEXT,
                        directory.path(),
                        address,
                        bandwidth.bytesPerSecond(),
                        () -> rehearsal.getState() == Thread.State.TERMINATED)));
        rehearsal.start();
        if (readyBytes > 0) {
            add(new ReadyKeeper(inventory.room()));
        }
    }

    /** In the background: who migrates a guest in the first second only has a slower migration. */
    private static void rehearse(Kvm kvm, Credentials credentials) {
        try {
            Rehearsal.run(kvm);
            TlsRehearsal.run(credentials);
        } catch (MigrationException | TransportException | RuntimeException | Error e) {
            LOG.warn("rehearsing a migration failed: {}", e.toString());
        }
    }

    private MigrationServer listen(InetSocketAddress listen, Credentials credentials) {
        try {
            return new MigrationServer(listen, credentials, inventory);
        } catch (TransportException e) {
            throw Failure.conflict("--listen: " + e.getMessage());
        }
    }

    private void gauges(AgentMetrics metrics) {
        metrics.gauge("godwit_guests", "Guests by state", "state", () -> {
            Map<String, Long> counts = inventory.guests().stream()
                    .collect(Collectors.groupingBy(g -> g.state().text(), Collectors.counting()));
            for (GuestState state : GuestState.values()) {
                counts.putIfAbsent(state.text(), 0L);
            }
            return counts;
        });
        metrics.gauge(
                "godwit_guest_memory_bytes",
                "RAM of all guests here",
                () -> inventory.guests().stream()
                        .mapToLong(g -> g.description().config().memoryBytes())
                        .sum());
        metrics.gauge("godwit_host_free_bytes", "What guests may still take of the host's RAM", inventory.room()::free);
        metrics.gauge("godwit_ready_bytes", "Memory that is ready for guests that arrive", inventory.room()::ready);
    }

    private <T extends AutoCloseable> T add(T part) {
        parts.push(part);
        return part;
    }

    /** Where its API is served. */
    public Path socket() {
        return directory.socket();
    }

    /** Where migrations arrive, with the real port. */
    public InetSocketAddress address() {
        return address;
    }

    /** Its guests. */
    public Inventory inventory() {
        return inventory;
    }

    @Override
    public String toString() {
        return "api " + socket() + ", migrations on " + HostPort.text(address);
    }

    /** Ends its guests, cancels its migrations and gives everything back. */
    @Override
    public synchronized void close() {
        RuntimeException first = null;
        while (!parts.isEmpty()) {
            try {
                parts.pop().close();
            } catch (Exception e) {
                if (first == null) {
                    first = new IllegalStateException(e);
                } else {
                    first.addSuppressed(e);
                }
            }
        }
        if (first != null) {
            throw first;
        }
    }
}
