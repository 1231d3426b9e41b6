package dev.godwit.agent.transport;

import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Two ends of one connection on the loopback, and threads for what either does. */
final class ConnectedPair implements AutoCloseable {
    final ExecutorService threads = Executors.newCachedThreadPool();
    final Listener listener;
    final Connection client;
    final Connection server;

    ConnectedPair() throws TransportException {
        this(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), null);
    }

    /**
     * A pair on an address of this host.
     *
     * @param name what the client calls it, or null
     */
    ConnectedPair(InetSocketAddress address, String name) throws TransportException {
        listener = Listener.open(address);
        InetSocketAddress to = listener.address();
        client = Connection.connect(
                name == null ? to : new InetSocketAddress(name, to.getPort()), Duration.ofSeconds(5));
        server = listener.accept();
        client.setStall(Duration.ofSeconds(20));
        server.setStall(Duration.ofSeconds(20));
    }

    /** TLS on both ends, with the same secret. */
    ConnectedPair secured(TlsIdentity ofClient, TlsIdentity ofServer) throws Exception {
        Future<Secret> there = threads.submit(() -> server.startTls(ofServer, false));
        Secret here = client.startTls(ofClient, true);
        if (!there.get().accepts(here.proof(new byte[1]), new byte[1])) {
            throw new AssertionError("the ends have different secrets");
        }
        return this;
    }

    static void send(Connection to, byte... bytes) throws TransportException {
        try (Arena arena = Arena.ofConfined()) {
            to.send(arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes));
        }
    }

    /** Beneath TLS. */
    static void sendWire(Connection to, byte... bytes) throws TransportException {
        try (Arena arena = Arena.ofConfined()) {
            to.sendWire(arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes).address(), bytes.length);
        }
    }

    static byte[] receive(Connection from, int bytes) throws TransportException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment segment = arena.allocate(bytes);
            from.receive(segment);
            return segment.toArray(ValueLayout.JAVA_BYTE);
        }
    }

    static TransportException failure(Callable<?> action) {
        return assertThrows(TransportException.class, action::call);
    }

    static TransportException failure(Future<?> action) {
        return (TransportException)
                assertThrows(ExecutionException.class, action::get).getCause();
    }

    @Override
    public void close() {
        client.abort();
        server.abort();
        threads.close();
        client.close();
        server.close();
        listener.close();
    }
}
