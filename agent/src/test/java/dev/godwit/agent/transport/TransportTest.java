package dev.godwit.agent.transport;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.transport.Handshake.Greeting;
import dev.godwit.agent.transport.Handshake.Role;
import dev.godwit.agent.transport.TransportException.Kind;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Connections, the listener and the handshake on the loopback. */
@Timeout(60)
class TransportTest {
    private static final Secret SECRET = new Secret("the secret of both sides".getBytes(US_ASCII));
    private static final Secret OTHER = new Secret("the secret of a stranger".getBytes(US_ASCII));
    private static final InetSocketAddress ANY = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);

    private ExecutorService threads;
    private Listener listener;
    private Connection client;
    private Connection server;

    @BeforeEach
    void open() throws Exception {
        threads = Executors.newCachedThreadPool();
        listener = Listener.open(ANY);
        client = Connection.connect(listener.address(), Duration.ofSeconds(5));
        server = listener.accept();
        client.setStall(Duration.ofSeconds(20));
        server.setStall(Duration.ofSeconds(20));
    }

    @AfterEach
    void close() {
        client.abort();
        server.abort();
        threads.close();
        client.close();
        server.close();
        listener.close();
    }

    private static void send(Connection to, byte... bytes) throws TransportException {
        try (Arena arena = Arena.ofConfined()) {
            to.send(arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes));
        }
    }

    private static byte[] receive(Connection from, int bytes) throws TransportException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment segment = arena.allocate(bytes);
            from.receive(segment);
            return segment.toArray(ValueLayout.JAVA_BYTE);
        }
    }

    private static Kind kindOf(Callable<?> action) {
        return assertThrows(TransportException.class, action::call).kind();
    }

    private static Kind kindOf(Future<?> action) {
        ExecutionException e = assertThrows(ExecutionException.class, action::get);
        return ((TransportException) e.getCause()).kind();
    }

    @ParameterizedTest
    @EnumSource(Role.class)
    void bothSidesLearnTheSame(Role role) throws Exception {
        UUID session = UUID.randomUUID();
        Future<Greeting> greeting = threads.submit(() -> Handshake.accept(server, SECRET, EnumSet.allOf(Role.class)));
        int version = Handshake.connect(client, SECRET, role, session, 65535);
        assertEquals(new Greeting(version, role, session, 65535), greeting.get());
    }

    @Test
    void neitherSideTrustsAStranger() {
        Future<Greeting> greeting = threads.submit(() -> Handshake.accept(server, OTHER, EnumSet.allOf(Role.class)));
        assertEquals(
                Kind.UNAUTHENTICATED,
                kindOf(() -> Handshake.connect(client, SECRET, Role.CONTROL, UUID.randomUUID(), 0)));
        client.abort();
        assertEquals(Kind.CLOSED, kindOf(greeting));
    }

    /** Somebody in between who changes one bit of what either says is found out by one of them. */
    @Test
    void aChangedBitIsFoundOut() throws Exception {
        long seed = Long.getLong("godwit.seed", System.nanoTime());
        System.out.println("aChangedBitIsFoundOut: -Dgodwit.seed=" + seed);
        Random random = new Random(seed);
        for (int i = 0; i < 100; i++) {
            try (Connection there = Connection.connect(listener.address(), Duration.ofSeconds(5));
                    Connection middleOut = listener.accept();
                    Connection onward = Connection.connect(listener.address(), Duration.ofSeconds(5));
                    Connection here = listener.accept()) {
                Future<Integer> connecting = threads.submit(() -> {
                    try {
                        return Handshake.connect(there, SECRET, Role.DATA, new UUID(1, 2), 3);
                    } finally {
                        there.abort();
                    }
                });
                Future<Greeting> accepting = threads.submit(() -> {
                    try {
                        return Handshake.accept(here, SECRET, EnumSet.allOf(Role.class));
                    } finally {
                        here.abort();
                    }
                });
                int part = random.nextInt(3);
                try {
                    relay(middleOut, onward, 64, part == 0, random);
                    relay(onward, middleOut, 80, part == 1, random);
                    relay(middleOut, onward, 32, part == 2, random);
                    relay(onward, middleOut, 8, false, random);
                } catch (TransportException e) {
                    // One of them has had enough.
                    assertEquals(Kind.CLOSED, e.kind());
                } finally {
                    middleOut.abort();
                    onward.abort();
                }
                assertThrows(ExecutionException.class, connecting::get);
                assertThrows(ExecutionException.class, accepting::get);
            }
        }
    }

    private static void relay(Connection from, Connection to, int bytes, boolean change, Random random)
            throws TransportException {
        byte[] words = receive(from, bytes);
        if (change) {
            words[random.nextInt(bytes)] ^= (byte) (1 << random.nextInt(8));
        }
        send(to, words);
    }

    @Test
    void aSilentPeerIsGivenUp() {
        client.setStall(Duration.ofMillis(150));
        long started = System.nanoTime();
        assertEquals(Kind.STALLED, kindOf(() -> receive(client, 1)));
        assertTrue(System.nanoTime() - started >= 140_000_000L);
    }

    @Test
    void aPeerThatTakesNothingIsGivenUp() {
        client.setStall(Duration.ofMillis(150));
        assertEquals(Kind.STALLED, kindOf(() -> {
            while (true) {
                send(client, new byte[1 << 20]);
            }
        }));
    }

    @Test
    void aPatientConnectionWaitsAndCounts() throws Exception {
        server.setPatient(Duration.ofMillis(20));
        Future<byte[]> all = threads.submit(() -> receive(server, 3));
        send(client, (byte) 1);
        while (server.received() < 1) {
            Thread.onSpinWait();
        }
        assertFalse(all.isDone());
        send(client, (byte) 2, (byte) 3);
        assertEquals(3, all.get().length);
        assertEquals(3, server.received());
        Future<byte[]> never = threads.submit(() -> receive(server, 1));
        server.abort();
        assertEquals(Kind.CLOSED, kindOf(never));
    }

    @Test
    void whoStopsReceivingStillSends() throws Exception {
        Future<byte[]> waiting = threads.submit(() -> receive(server, 1));
        server.stopReceiving();
        assertEquals(Kind.CLOSED, kindOf(waiting));
        send(server, (byte) 7);
        assertEquals(7, receive(client, 1)[0]);
    }

    @Test
    void abortWakesEverybodyAndCloseIsFinal() throws Exception {
        Future<byte[]> waiting = threads.submit(() -> receive(client, 1));
        client.abort();
        assertEquals(Kind.CLOSED, kindOf(waiting));
        client.close();
        // The number may be somebody else's by now.
        try (Connection next = Connection.connect(listener.address(), Duration.ofSeconds(5));
                Connection other = listener.accept()) {
            client.close();
            client.abort();
            client.stopReceiving();
            send(next, (byte) 5);
            assertEquals(5, receive(other, 1)[0]);
        }
    }

    @Test
    void aStoppedListenerAcceptsNobody() throws Exception {
        Future<Connection> waiting = threads.submit(listener::accept);
        listener.stop();
        assertNull(waiting.get());
        assertNull(listener.accept());
        InetSocketAddress gone = listener.address();
        listener.close();
        assertEquals(Kind.REFUSED, kindOf(() -> Connection.connect(gone, Duration.ofSeconds(5))));
        // The number may be somebody else's by now.
        try (Listener next = Listener.open(ANY)) {
            listener.close();
            try (Connection one = Connection.connect(next.address(), Duration.ofSeconds(30));
                    Connection other = next.accept()) {
                send(one, (byte) 5);
                assertEquals(5, receive(other, 1)[0]);
            }
        }
    }

    @Test
    void aPortInUseIsNamed() {
        TransportException e = assertThrows(TransportException.class, () -> Listener.open(listener.address()));
        assertTrue(e.getMessage().endsWith(": the port is in use"), e.getMessage());
    }

    @Test
    void secretsAreLongEnough() {
        assertThrows(IllegalArgumentException.class, () -> new Secret(new byte[15]));
    }
}
