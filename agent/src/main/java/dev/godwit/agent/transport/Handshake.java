package dev.godwit.agent.transport;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.godwit.agent.transport.TransportException.Kind;
import dev.godwit.host.thread.Urgency;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.Set;
import java.util.UUID;

/**
 * What both sides say before anything else: version, purpose, and proof that each knows the secret. Where the peer is
 * not on the loopback it goes through TLS, and the secret is that TLS connection's own.
 *
 * <pre>
 *   client → HELLO   64 bytes  magic u64 | minVersion u16 | maxVersion u16 | role u16 | stream u16
 *                              | session 16 bytes | nonce 32 bytes
 *   server → WELCOME 80 bytes  magic u64 | version u16 | 0 u16 | 0 u32 | nonce 32 bytes
 *                              | HMAC(secret, "godwit server" | HELLO | first 48 bytes of WELCOME)
 *   client → PROOF   32 bytes  HMAC(secret, "godwit client" | HELLO | WELCOME)
 *   server → DONE     8 bytes  magic u64, or 0: the role is not served here
 * </pre>
 *
 * <p>All numbers are little-endian. A WELCOME of version 0 means: none of yours; its minVersion and maxVersion stand in
 * the two fields after it. The server reads nothing more before the proof is right. The exchange is bound to both
 * nonces, so neither side's part can be replayed.
 *
 * <p>These are two hashes and four short messages, at each of which a thread would wait its turn behind the guests of a
 * busy host: for that long whoever calls is urgent, and whoever answers. TLS, which comes before, takes its turn.
 */
public final class Handshake {
    /** What a connection is for. */
    public enum Role {
        /** A migration's control connection. */
        CONTROL(1),
        /** One of a migration's data streams. */
        DATA(2),
        /** A question about how a session ended. */
        QUERY(3),
        /** One of the connections over which a guest's pages follow it. */
        PAGES(4),
        /** One of a VM's connections to its memory host. */
        MEMORY(5, "keeps no guests' pages: is it an agent? 'godwit memory-host' keeps them");

        private static final Role[] ALL = values();

        private final int number;
        private final String notServed;

        Role(int number) {
            this(number, "takes no guests: is it a memory host? 'godwit agent --listen' takes them");
        }

        Role(int number, String notServed) {
            this.number = number;
            this.notServed = notServed;
        }
    }

    /**
     * What the client asked for.
     *
     * @param version the version both speak
     * @param session the session this connection belongs to
     * @param stream the number of a data stream, else 0
     */
    public record Greeting(int version, Role role, UUID session, int stream) {}

    /** The protocol versions this build speaks, oldest and newest. */
    public static final int MIN_VERSION = 1;

    public static final int MAX_VERSION = 1;

    private static final long MAGIC = 0x314e495744474f47L;
    private static final long NOT_SERVED = 0;
    private static final int HELLO_BYTES = 64;
    private static final int WELCOME_HEAD = 48;
    private static final int WELCOME_BYTES = 80;
    private static final int PROOF_BYTES = 32;
    private static final int NONCE_BYTES = 32;
    private static final byte[] SERVER = "godwit server".getBytes(US_ASCII);
    private static final byte[] CLIENT = "godwit client".getBytes(US_ASCII);
    private static final SecureRandom RANDOM = new SecureRandom();

    private Handshake() {}

    /**
     * The connecting side.
     *
     * @return the version both speak
     */
    public static int connect(Connection connection, Credentials credentials, Role role, UUID session, int stream)
            throws TransportException {
        try (Urgency _ = Urgency.begin()) {
            return call(connection, credentials.secure(connection, true), role, session, stream);
        }
    }

    private static int call(Connection connection, Secret secret, Role role, UUID session, int stream)
            throws TransportException {
        byte[] hello = new byte[HELLO_BYTES];
        buffer(hello)
                .putLong(MAGIC)
                .putShort((short) MIN_VERSION)
                .putShort((short) MAX_VERSION)
                .putShort((short) role.number)
                .putShort((short) stream)
                .putLong(session.getMostSignificantBits())
                .putLong(session.getLeastSignificantBits())
                .put(nonce());
        send(connection, hello);
        byte[] welcome = receiveWelcome(connection);
        ByteBuffer answer = buffer(welcome);
        if (answer.getLong() != MAGIC) {
            throw new TransportException(Kind.MALFORMED, connection.peer() + " does not speak the godwit protocol");
        }
        int version = answer.getShort() & 0xffff;
        if (version == 0) {
            throw new TransportException(
                    Kind.VERSION,
                    connection.peer() + " speaks protocol versions " + (answer.getShort() & 0xffff) + " to "
                            + (answer.getInt() & 0xffff) + ", this agent " + MIN_VERSION + " to " + MAX_VERSION);
        }
        if (version < MIN_VERSION || version > MAX_VERSION) {
            throw new TransportException(
                    Kind.MALFORMED, connection.peer() + " chose protocol version " + version + ", not offered");
        }
        byte[] head = Arrays.copyOf(welcome, WELCOME_HEAD);
        if (!secret.accepts(Arrays.copyOfRange(welcome, WELCOME_HEAD, WELCOME_BYTES), SERVER, hello, head)) {
            throw new TransportException(
                    Kind.UNAUTHENTICATED, connection.peer() + " does not have this agent's secret (--secret)");
        }
        send(connection, secret.proof(CLIENT, hello, welcome));
        long done = buffer(receive(connection, Long.BYTES)).getLong();
        if (done == NOT_SERVED) {
            throw new TransportException(Kind.NOT_SERVED, connection.peer() + " " + role.notServed);
        }
        if (done != MAGIC) {
            throw new TransportException(Kind.MALFORMED, connection.peer() + " broke off the handshake");
        }
        return version;
    }

    /**
     * The accepting side.
     *
     * @param roles what is served here
     * @return what the client wants, once it has proved to know the secret
     */
    public static Greeting accept(Connection connection, Credentials credentials, Set<Role> roles)
            throws TransportException {
        return answer(connection, credentials.secure(connection, false), roles);
    }

    private static Greeting answer(Connection connection, Secret secret, Set<Role> roles) throws TransportException {
        byte[] helloBytes = receive(connection, HELLO_BYTES);
        ByteBuffer hello = buffer(helloBytes);
        if (connection.isLoopback() && PlainOrTls.isTls(helloBytes[0])) {
            throw PlainOrTls.callerUsesTls(connection);
        }
        if (hello.getLong() != MAGIC) {
            throw new TransportException(Kind.MALFORMED, connection.peer() + " does not speak the godwit protocol");
        }
        int min = hello.getShort() & 0xffff;
        int max = hello.getShort() & 0xffff;
        int role = hello.getShort() & 0xffff;
        int stream = hello.getShort() & 0xffff;
        UUID session = new UUID(hello.getLong(), hello.getLong());
        if (min == 0 || min > MAX_VERSION || max < MIN_VERSION) {
            send(connection, refusal());
            throw new TransportException(
                    Kind.VERSION, connection.peer() + " speaks protocol versions " + min + " to " + max);
        }
        if (role < 1 || role > Role.ALL.length) {
            throw new TransportException(Kind.MALFORMED, connection.peer() + " asks for unknown role " + role);
        }
        int version = Math.min(max, MAX_VERSION);
        byte[] head = new byte[WELCOME_HEAD];
        buffer(head)
                .putLong(MAGIC)
                .putShort((short) version)
                .putShort((short) 0)
                .putInt(0)
                .put(nonce());
        byte[] welcome = new byte[WELCOME_BYTES];
        buffer(welcome).put(head).put(secret.proof(SERVER, helloBytes, head));
        send(connection, welcome);
        if (!secret.accepts(receive(connection, PROOF_BYTES), CLIENT, helloBytes, welcome)) {
            throw new TransportException(Kind.UNAUTHENTICATED, connection.peer() + " does not know the secret");
        }
        Greeting greeting = new Greeting(version, Role.ALL[role - 1], session, stream);
        boolean served = roles.contains(greeting.role());
        byte[] done = new byte[Long.BYTES];
        buffer(done).putLong(served ? MAGIC : NOT_SERVED);
        send(connection, done);
        if (!served) {
            throw new TransportException(
                    Kind.NOT_SERVED, connection.peer() + " asks for " + greeting.role() + ", which is not served here");
        }
        return greeting;
    }

    /** Its first byte alone first: an agent that wants TLS answers with less. */
    private static byte[] receiveWelcome(Connection connection) throws TransportException {
        byte[] first = receive(connection, 1);
        if (connection.isLoopback() && PlainOrTls.isTls(first[0])) {
            throw PlainOrTls.agentWantsTls(connection);
        }
        byte[] welcome = Arrays.copyOf(first, WELCOME_BYTES);
        System.arraycopy(receive(connection, WELCOME_BYTES - 1), 0, welcome, 1, WELCOME_BYTES - 1);
        return welcome;
    }

    private static byte[] refusal() {
        byte[] refusal = new byte[WELCOME_BYTES];
        buffer(refusal)
                .putLong(MAGIC)
                .putShort((short) 0)
                .putShort((short) MIN_VERSION)
                .putInt(MAX_VERSION);
        return refusal;
    }

    private static byte[] nonce() {
        byte[] nonce = new byte[NONCE_BYTES];
        RANDOM.nextBytes(nonce);
        return nonce;
    }

    private static ByteBuffer buffer(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static void send(Connection connection, byte[] bytes) throws TransportException {
        try (Arena arena = Arena.ofConfined()) {
            connection.send(arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes));
        }
    }

    private static byte[] receive(Connection connection, int bytes) throws TransportException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment segment = arena.allocate(bytes);
            connection.receive(segment);
            return segment.toArray(ValueLayout.JAVA_BYTE);
        }
    }
}
