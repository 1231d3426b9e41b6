package dev.godwit.agent.memoryhost;

import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.HostPort;
import dev.godwit.agent.config.Sizes;
import dev.godwit.agent.transport.Connection;
import dev.godwit.agent.transport.Credentials;
import dev.godwit.agent.transport.GreetingServer;
import dev.godwit.agent.transport.Handshake.Greeting;
import dev.godwit.agent.transport.Handshake.Role;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.agent.transport.TransportException.Kind;
import dev.godwit.host.memory.PageSize;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumSet;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A whole memory host in this process: it keeps pages of VMs that run elsewhere.
 *
 * <p>Threading: {@link #start} and {@link #close} once; it has threads of its own.
 */
public final class MemoryHost implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(MemoryHost.class);

    /** How often a silent peer's bytes are looked for; nothing depends on it here. */
    private static final Duration LOOK = Duration.ofSeconds(10);

    /** After so much silence the kernel asks whether the peer's host still is there. */
    private static final Duration KEEP_ALIVE = Duration.ofSeconds(30);

    private static final Duration LEAST_SWEEP = Duration.ofMillis(50);
    private static final Duration MOST_SWEEP = Duration.ofMinutes(1);
    private static final int SWEEPS = 4;

    private static final Duration MOST_FORGET_AFTER = Duration.ofDays(3650);

    private final Regions regions;
    private final GreetingServer server;
    private final long sizeBytes;
    private final ScheduledExecutorService sweeper = Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().name("memory-host-sweep").daemon().factory());

    private MemoryHost(InetSocketAddress listen, Credentials credentials, long sizeBytes, Regions regions)
            throws TransportException {
        this.regions = regions;
        this.sizeBytes = sizeBytes;
        this.server = new GreetingServer("memory-host", listen, credentials, EnumSet.of(Role.MEMORY), this::attend);
    }

    /**
     * Starts a memory host; it serves when this returns.
     *
     * @param listen where; port 0 is any that is free
     * @param sizeBytes what all regions together may hold, at least a page
     * @param directory where regions are kept, or null for this process's memory
     * @param forgetAfter how long a region is kept whose owner has no connection; zero for ever
     * @throws Failure when the directory or the port is taken or does not do
     */
    public static MemoryHost start(
            InetSocketAddress listen, Credentials credentials, long sizeBytes, Path directory, Duration forgetAfter) {
        if (sizeBytes < PageSize.SMALL) {
            throw Failure.badInput("--size: at least " + PageSize.SMALL + " bytes, a page, not " + sizeBytes);
        }
        if (forgetAfter.compareTo(MOST_FORGET_AFTER) > 0) {
            throw Failure.badInput("--forget-after: at most " + MOST_FORGET_AFTER.toHours() + "h; 0 is for ever");
        }
        Regions regions = new Regions(
                sizeBytes >>> PageSize.SMALL_SHIFT, directory == null ? null : RegionDirectory.take(directory));
        try {
            MemoryHost host = new MemoryHost(listen, credentials, sizeBytes, regions);
            host.server.start();
            host.forgetAfter(forgetAfter);
            return host;
        } catch (TransportException e) {
            regions.close();
            throw Failure.conflict("--listen: " + e.getMessage());
        }
    }

    private void forgetAfter(Duration idle) {
        if (idle.isZero()) {
            return;
        }
        long nanos = idle.toNanos();
        long pause = Math.clamp(nanos / SWEEPS, LEAST_SWEEP.toNanos(), MOST_SWEEP.toNanos());
        ScheduledFuture<?> _ = sweeper.scheduleWithFixedDelay(() -> sweep(nanos), pause, pause, TimeUnit.NANOSECONDS);
    }

    private void sweep(long nanos) {
        try {
            regions.forget(nanos);
        } catch (RuntimeException | Error e) {
            // The next sweep may be luckier; an exception would end them all.
            LOG.error("memory host: forgetting regions failed", e);
        }
    }

    private void attend(Greeting greeting, Connection connection) {
        try {
            // An owner may be silent for as long as it likes, but not dead.
            connection.setPatient(LOOK);
            connection.setKeepAlive(KEEP_ALIVE);
            new RegionSession(regions, greeting, connection).run();
        } catch (TransportException e) {
            if (e.kind() == Kind.CLOSED) {
                LOG.debug("memory host: region {}: {}", greeting.session(), e.getMessage());
            } else {
                LOG.warn("memory host: region {}: {}", greeting.session(), e.getMessage());
            }
        } catch (OutOfMemoryError e) {
            // A guest of a terabyte needs some for its bitmaps; who asks for it gets none, the others have theirs.
            LOG.warn("memory host: region {}: {}: {}", greeting.session(), connection.peer(), e.getMessage());
        }
    }

    /** Where it listens, with the real port. */
    public InetSocketAddress address() {
        return server.address();
    }

    @Override
    public String toString() {
        return "pages on " + HostPort.text(address()) + ", " + Sizes.human(sizeBytes);
    }

    /** Breaks all connections, and returns when what is kept in a directory is on the storage. */
    @Override
    public void close() {
        sweeper.shutdown();
        sweeper.close();
        server.close();
        regions.close();
    }
}
