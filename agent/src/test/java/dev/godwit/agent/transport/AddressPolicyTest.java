package dev.godwit.agent.transport;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.transport.Handshake.Greeting;
import dev.godwit.agent.transport.Handshake.Role;
import dev.godwit.agent.transport.TransportException.Kind;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketException;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.UUID;
import java.util.concurrent.Future;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The peer's address decides between the secret and certificates: here this host's own, off the loopback. */
@Timeout(60)
class AddressPolicyTest {
    private static final Secret SECRET = new Secret("the secret of one".getBytes(US_ASCII));
    private static final Secret OTHER = new Secret("another's secret".getBytes(US_ASCII));

    @TempDir
    Path directory;

    private InetAddress own;
    private TlsIdentity identity;

    @BeforeEach
    void findAddress() throws SocketException {
        own = OwnAddress.find();
        identity = new Cluster(directory).identity("host," + own.getHostAddress());
    }

    private ConnectedPair pair(InetAddress to) throws TransportException {
        // What listens on all addresses decides for each connection.
        return new ConnectedPair(new InetSocketAddress(0), to.getHostAddress());
    }

    @Test
    void certificatesDoOffTheLoopbackWhateverTheSecrets() throws Exception {
        try (ConnectedPair pair = pair(own)) {
            Future<Greeting> greeting = pair.threads.submit(() ->
                    Handshake.accept(pair.server, new ClusterCredentials(OTHER, identity), EnumSet.allOf(Role.class)));
            UUID session = UUID.randomUUID();
            Handshake.connect(pair.client, new ClusterCredentials(SECRET, identity), Role.DATA, session, 3);
            assertEquals(session, greeting.get().session());
        }
    }

    @Test
    void theSecretAloneDoesNotDoOffTheLoopback() throws Exception {
        try (ConnectedPair pair = pair(own)) {
            TransportException here = ConnectedPair.failure(
                    () -> Handshake.connect(pair.client, SECRET, Role.DATA, UUID.randomUUID(), 0));
            assertEquals(Kind.UNAUTHENTICATED, here.kind());
            assertTrue(
                    here.getMessage().endsWith(" is not on the loopback, and this agent has no certificates for TLS"));
            TransportException there =
                    ConnectedPair.failure(() -> Handshake.accept(pair.server, SECRET, EnumSet.allOf(Role.class)));
            assertEquals(Kind.UNAUTHENTICATED, there.kind());
            assertEquals(0, pair.client.received());
            assertEquals(0, pair.server.received());
        }
    }

    @Test
    void theSecretIsDueOnTheLoopbackWithCertificatesToo() throws Exception {
        try (ConnectedPair pair = pair(InetAddress.getLoopbackAddress())) {
            Future<Greeting> greeting = pair.threads.submit(() ->
                    Handshake.accept(pair.server, new ClusterCredentials(SECRET, identity), EnumSet.allOf(Role.class)));
            Handshake.connect(pair.client, SECRET, Role.DATA, UUID.randomUUID(), 0);
            assertEquals(Role.DATA, greeting.get().role());
        }
        try (ConnectedPair pair = pair(InetAddress.getLoopbackAddress())) {
            Future<?> there = pair.threads.submit(() ->
                    Handshake.accept(pair.server, new ClusterCredentials(OTHER, identity), EnumSet.allOf(Role.class)));
            assertEquals(
                    Kind.UNAUTHENTICATED,
                    ConnectedPair.failure(() -> Handshake.connect(
                                    pair.client,
                                    new ClusterCredentials(SECRET, identity),
                                    Role.DATA,
                                    UUID.randomUUID(),
                                    0))
                            .kind());
            pair.client.abort();
            assertEquals(Kind.CLOSED, ConnectedPair.failure(there).kind());
        }
    }
}
