package dev.godwit.agent.transport;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;

/**
 * Sends some memory from this process to itself over TLS. Java encrypts at a hundredth of its speed until it has
 * compiled what does it to the CPU's instructions; after a rehearsal no guest waits for that.
 */
public final class TlsRehearsal {
    private static final int CHUNK = 2 << 20;
    private static final long MOST_BYTES = 256L << 20;

    /** Java compiles what is called often, not what has much to do: little records bring it there sooner. */
    private static final int LITTLE = 1024;

    private static final int LITTLE_ONES = 30_000;
    private static final Duration MOST = Duration.ofSeconds(3);
    private static final Duration CONNECT = Duration.ofSeconds(5);
    private static final byte[] LOOPBACK = {127, 0, 0, 1};

    private TlsRehearsal() {}

    /** Rehearses for some seconds, if these are certificates. */
    public static void run(Credentials credentials) throws TransportException {
        if (credentials instanceof ClusterCredentials cluster) {
            run(cluster.identity(), MOST);
        }
    }

    /**
     * Rehearses; the calling thread sends.
     *
     * @param most how long at most
     * @return bytes that have been sent
     * @throws TransportException when this host's certificate is not believed by itself, or the loopback does not work
     */
    public static long run(TlsIdentity identity, Duration most) throws TransportException {
        try (Arena arena = Arena.ofShared();
                Listener listener = Listener.open(new InetSocketAddress(InetAddress.getByAddress(LOOPBACK), 0));
                Connection client = Connection.connect(
                        new InetSocketAddress(
                                InetAddress.getByAddress(identity.name(), LOOPBACK),
                                listener.address().getPort()),
                        CONNECT);
                Connection server = listener.accept()) {
            client.setStall(CONNECT);
            server.setStall(CONNECT);
            MemorySegment to = arena.allocate(CHUNK);
            CompletableFuture<Void> receiving = CompletableFuture.runAsync(
                    () -> receive(server, identity, to),
                    task -> Thread.ofPlatform().daemon().name("tls-rehearsal").start(task));
            try {
                client.startTls(identity, true);
                return send(client, arena.allocate(CHUNK), System.nanoTime() + most.toNanos());
            } finally {
                client.abort();
                receiving.join();
            }
        } catch (UnknownHostException e) {
            throw new IllegalStateException("four bytes are an address", e);
        }
    }

    private static long send(Connection client, MemorySegment from, long deadline) throws TransportException {
        long sent = 0;
        MemorySegment little = from.asSlice(0, LITTLE);
        for (int i = 0; i < LITTLE_ONES && System.nanoTime() < deadline; i++) {
            client.send(little);
            sent += LITTLE;
        }
        while (sent < MOST_BYTES && System.nanoTime() < deadline) {
            client.send(from);
            sent += CHUNK;
        }
        return sent;
    }

    private static void receive(Connection server, TlsIdentity identity, MemorySegment to) {
        try {
            server.startTls(identity, false);
            while (true) {
                server.receive(to);
            }
        } catch (TransportException e) {
            // The sender has sent enough, or says itself what is wrong.
        }
    }
}
