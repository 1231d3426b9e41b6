package dev.godwit.agent.transport;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.transport.Handshake.Role;
import dev.godwit.agent.transport.TransportException.Kind;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.security.KeyStore;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.Future;
import java.util.concurrent.locks.LockSupport;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Who is let in over TLS, and what all others get: an alert, and here one line that says why. */
@Timeout(60)
class TlsPeerTest {
    private static final Duration TWO_DAYS = Duration.ofDays(2);
    private static final Secret SECRET = new Secret(new byte[Secret.MIN_BYTES]);

    @TempDir
    Path directory;

    @TempDir
    Path elsewhere;

    private Cluster cluster;
    private TlsIdentity good;
    private ConnectedPair pair;

    @BeforeEach
    void open() throws Exception {
        cluster = new Cluster(directory);
        good = cluster.identity("good,127.0.0.1,localhost");
        pair = new ConnectedPair();
    }

    @AfterEach
    void close() {
        pair.close();
    }

    private static Handshake.Greeting accept(Connection connection, TlsIdentity identity) throws TransportException {
        try {
            return Handshake.accept(connection, connection.startTls(identity, false), EnumSet.allOf(Role.class));
        } catch (TransportException e) {
            connection.close(); // as a server does
            throw e;
        }
    }

    private static int connect(Connection connection, TlsIdentity identity) throws TransportException {
        return Handshake.connect(connection, connection.startTls(identity, true), Role.CONTROL, UUID.randomUUID(), 0);
    }

    /** Both sides do what agents do; the two kinds and what they say. */
    private void refused(TlsIdentity client, String clientSays, TlsIdentity server, String serverSays) {
        Future<?> there = pair.threads.submit(() -> accept(pair.server, server));
        TransportException here = ConnectedPair.failure(() -> connect(pair.client, client));
        pair.client.abort();
        TransportException other = ConnectedPair.failure(there);
        assertEquals(Kind.UNAUTHENTICATED, here.kind(), here.getMessage());
        assertEquals(Kind.UNAUTHENTICATED, other.kind(), other.getMessage());
        assertEquals(1, here.getMessage().lines().count());
        assertEquals(1, other.getMessage().lines().count());
        assertTrue(here.getMessage().contains(clientSays), here.getMessage());
        assertTrue(other.getMessage().contains(serverSays), other.getMessage());
    }

    @Test
    void bothSidesLearnTheSame() throws Exception {
        TlsIdentity client = cluster.identity("client");
        Future<Handshake.Greeting> greeting = pair.threads.submit(() -> accept(pair.server, good));
        int version = connect(pair.client, client);
        assertEquals(version, greeting.get().version());
    }

    @Test
    void aClientOfAnotherCaGetsNothing() {
        refused(
                new Cluster(elsewhere).identity("client"),
                "is not trusted: its certificate is not of this cluster's CA",
                good,
                "does not take this agent's certificate (certificate_unknown)");
    }

    /** Its own CA is this one, its certificate another's. */
    @Test
    void aClientWithAForeignCertificateGetsNothing() throws Exception {
        TlsIdentity foreign = new Cluster(elsewhere).identityTrusting("client", cluster.ca());
        refused(
                foreign,
                "does not take this agent's certificate (certificate_unknown)",
                good,
                "is not trusted: its certificate is not of this cluster's CA");
    }

    @Test
    void aClientWhoseTimeIsOverGetsNothing() {
        refused(
                cluster.identity("old", TWO_DAYS.negated()),
                "does not take this agent's certificate",
                good,
                "is not trusted: its certificate has expired, at ");
    }

    @Test
    void aClientWhoseTimeIsToComeGetsNothing() {
        refused(
                cluster.identity("new", TWO_DAYS),
                "does not take this agent's certificate",
                good,
                "is not trusted: its certificate is not valid before ");
    }

    @Test
    void aServerWhoseTimeIsOverIsToldNothing() {
        refused(
                good,
                "is not trusted: its certificate has expired, at ",
                cluster.identity("old,127.0.0.1", TWO_DAYS.negated()),
                "does not take this agent's certificate");
    }

    @Test
    void aServerOfAnotherNameIsToldNothing() {
        refused(
                good,
                "is not trusted: its certificate is for other, 10.0.0.9, not for 127.0.0.1",
                cluster.identity("other,10.0.0.9"),
                "does not take this agent's certificate");
    }

    @Test
    void aRehearsalIsAmongOneself() throws Exception {
        assertTrue(TlsRehearsal.run(cluster.identity("some.host"), Duration.ofSeconds(5)) > 0);
        assertEquals(
                Kind.UNAUTHENTICATED,
                ConnectedPair.failure(
                                () -> TlsRehearsal.run(cluster.identity("old", TWO_DAYS.negated()), Duration.ofDays(1)))
                        .kind());
    }

    @Test
    void aServerIsKnownByItsName() throws Exception {
        try (ConnectedPair named =
                new ConnectedPair(new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), 0), "localhost")) {
            named.secured(cluster.identity("client"), cluster.identity("x,localhost"));
        }
    }

    @Test
    void aClientWithoutACertificateGetsAnAlertAlone() throws Exception {
        TransportException e = platformClient("TLSv1.3");
        assertEquals(Kind.UNAUTHENTICATED, e.kind(), e.getMessage());
        assertTrue(e.getMessage().endsWith("is not trusted: it shows no certificate"), e.getMessage());
    }

    @Test
    void aClientOfTls12GetsAnAlertAlone() throws Exception {
        assertEquals(Kind.MALFORMED, platformClient("TLSv1.2").kind());
    }

    /** Why a client of the platform, which trusts the CA and has no certificate, is refused; it gets no byte. */
    private TransportException platformClient(String protocol) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        store.setCertificateEntry("ca", cluster.ca());
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(store);
        SSLContext context = SSLContext.getInstance(protocol);
        context.init(null, trust.getTrustManagers(), null);
        InetSocketAddress address = pair.listener.address();
        Future<?> there = pair.threads.submit(() -> {
            Connection accepted = pair.listener.accept();
            accepted.setStall(Duration.ofSeconds(20));
            return accept(accepted, good);
        });
        try (SSLSocket socket =
                (SSLSocket) context.getSocketFactory().createSocket(address.getAddress(), address.getPort())) {
            socket.setEnabledProtocols(new String[] {protocol});
            IOException e = assertThrows(IOException.class, () -> {
                socket.startHandshake();
                assertEquals(-2, socket.getInputStream().read());
            });
            assertInstanceOf(SSLException.class, e);
        }
        return ConnectedPair.failure(there);
    }

    @Test
    void whoIsPlainWhereTlsIsDueIsTold() {
        Future<?> there = pair.threads.submit(() -> accept(pair.server, good));
        TransportException here =
                ConnectedPair.failure(() -> Handshake.connect(pair.client, SECRET, Role.DATA, UUID.randomUUID(), 0));
        assertEquals(
                "127.0.0.1:" + pair.client.port() + " wants TLS: there this connection comes from off the loopback,"
                        + " as through a tunnel or a forwarded port; the agent's own address is right",
                here.getMessage());
        assertTrue(ConnectedPair.failure(there)
                .getMessage()
                .endsWith(" does not use TLS, which is due where the peer is not on the loopback"));
    }

    @Test
    void whoUsesTlsWhereTheSecretIsDueIsTold() {
        Future<?> there = pair.threads.submit(() -> Handshake.accept(pair.server, SECRET, EnumSet.allOf(Role.class)));
        TransportException here = ConnectedPair.failure(() -> connect(pair.client, good));
        assertEquals(
                "127.0.0.1:" + pair.client.port() + " takes no TLS: there this connection comes from the loopback, as"
                        + " through a tunnel or a forwarded port; the agent's own address is right",
                here.getMessage());
        assertTrue(ConnectedPair.failure(there)
                .getMessage()
                .endsWith(" uses TLS, but on the loopback the shared secret is due"));
    }

    @Test
    void garbageIsRefused() throws Exception {
        long seed = Long.getLong("godwit.seed", System.nanoTime());
        System.out.println("garbageIsRefused: -Dgodwit.seed=" + seed);
        Random random = new Random(seed);
        for (int i = 0; i < 200; i++) {
            try (ConnectedPair next = new ConnectedPair()) {
                next.server.setStall(Duration.ofMillis(20)); // garbage may announce more
                byte[] garbage = new byte[1 + random.nextInt(400)];
                random.nextBytes(garbage);
                if (random.nextInt(4) > 0 && garbage.length > 5) {
                    // It begins well.
                    System.arraycopy(new byte[] {22, 3, 1, 0, (byte) random.nextInt(120)}, 0, garbage, 0, 5);
                }
                ConnectedPair.sendWire(next.client, garbage);
                assertNotNull(ConnectedPair.failure(() -> next.server.startTls(good, false)));
            }
        }
    }

    /** Nothing is kept of a handshake that never comes to its point. */
    @Test
    void anEndlessHandshakeIsCutOff() {
        Future<?> there = pair.threads.submit(() -> accept(pair.server, good));
        byte[] record = new byte[5 + 16_000];
        record[0] = 22;
        record[1] = 3;
        record[2] = 1;
        record[3] = 16_000 >> 8;
        record[4] = (byte) 16_000;
        record[5] = 1; // a ClientHello of nearly 16 MiB
        record[6] = (byte) 0xff;
        record[7] = (byte) 0xff;
        assertNotNull(ConnectedPair.failure(() -> {
            while (true) {
                ConnectedPair.sendWire(pair.client, record);
            }
        }));
        assertEquals(Kind.MALFORMED, ConnectedPair.failure(there).kind());
        assertTrue(pair.server.received() <= 64 << 10, () -> pair.server.received() + " bytes read");
    }

    @Test
    void aSlowHandshakeIsCutOff() {
        // A client that says a little now and then is within the stall time all the while.
        Future<?> slow = pair.threads.submit(() -> {
            byte[] hello = new byte[5 + 16_000];
            System.arraycopy(new byte[] {22, 3, 1, 16_000 >> 8, (byte) 16_000}, 0, hello, 0, 5);
            for (byte each : hello) {
                ConnectedPair.sendWire(pair.client, each);
                LockSupport.parkNanos(1_000_000);
            }
            return null;
        });
        TlsLayer layer = new TlsLayer(pair.server, good.engine(false, "client", 1));
        TransportException e = ConnectedPair.failure(() -> {
            layer.handshake(Duration.ofMillis(200));
            return null;
        });
        assertEquals(Kind.STALLED, e.kind(), e.getMessage());
        pair.server.close();
        ConnectedPair.failure(slow);
    }
}
