package dev.godwit.agent.memoryhost;

import dev.godwit.agent.transport.Credentials;
import dev.godwit.agent.transport.Secret;
import dev.godwit.agent.transport.TlsRehearsal;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.memory.PageSize;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Calls a memory host in this process, which lives no longer than that. Until Java has compiled what greets a caller, that
 * takes some milliseconds, and a guest's target calls twice while the migration waits.
 */
public final class MemoryHostRehearsal {
    private static final Logger LOG = LoggerFactory.getLogger(MemoryHostRehearsal.class);

    static final int CALLS = 200;
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    private MemoryHostRehearsal() {}

    /** Rehearses, which takes a second or so; whoever calls the real one meanwhile only waits a little longer. */
    public static void run(Credentials credentials) {
        try {
            call();
            TlsRehearsal.run(credentials);
        } catch (TransportException | RuntimeException | Error e) {
            LOG.warn(
                    "memory host: its first callers wait a little longer, since it could not call itself: {}",
                    e.getMessage());
        }
    }

    /** Calls, and counts the calls that were answered as they should be. */
    static int call() throws TransportException {
        Secret secret = Secret.random();
        InetSocketAddress anyPort = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
        int answered = 0;
        try (MemoryHost host = MemoryHost.start(anyPort, secret, PageSize.SMALL, null, Duration.ZERO)) {
            RemoteConfig nobodys = new RemoteConfig(
                    host.address().getHostString(),
                    host.address().getPort(),
                    UUID.randomUUID(),
                    RemoteConfig.LEAST_LOCAL);
            RegionCaller caller = new RegionCaller(nobodys, secret, 1, 1, PATIENCE);
            for (int i = 0; i < CALLS; i++) {
                try {
                    for (RegionLink.Lane lane : caller.standBy()) {
                        lane.close();
                    }
                } catch (RegionCaller.Refusal e) {
                    answered += e.status() == RegionStatus.UNKNOWN ? 1 : 0;
                }
            }
        }
        return answered;
    }
}
