package dev.godwit.agent.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.certs.ClusterDirectory;
import dev.godwit.agent.certs.HostNames;
import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.TlsDirectory;
import dev.godwit.agent.memoryhost.MemoryHost;
import dev.godwit.agent.transport.ClusterCredentials;
import dev.godwit.agent.transport.Credentials;
import dev.godwit.agent.transport.OwnAddress;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Agents whose guests have pages at a memory host off the loopback: this host's own address, with certificates. */
@Tag("kvm")
@Timeout(240)
class RemoteGuestTlsTest {
    private static final long MIB = 1 << 20;
    private static final long MEMORY = 96 * MIB;
    private static final long LOCAL = 24 * MIB;

    @TempDir
    Path directory;

    private InetAddress own;
    private Path pages;
    private Agent agent;
    private MemoryHost memoryHost;

    @BeforeEach
    void findAddress() throws IOException {
        own = OwnAddress.find();
        pages = Files.createDirectory(directory.resolve("pages"));
    }

    @AfterEach
    void close() {
        if (agent != null) {
            agent.close();
        }
        if (memoryHost != null) {
            memoryHost.close();
        }
    }

    /** What {@code godwit certs} makes, for a host that goes by these names. */
    private ClusterCredentials certificate(String cluster, String names) {
        Path files = new ClusterDirectory(directory.resolve(cluster), Clock.systemUTC())
                .issue(List.of(HostNames.parse("host", names)), 1)
                .hosts()
                .getFirst()
                .directory();
        return new ClusterCredentials(TestAgent.secret(), TlsDirectory.read(files));
    }

    /** By this name, and by this host's address. */
    private String named(String name) {
        return name + "," + own.getHostAddress();
    }

    private void startMemoryHost(Credentials credentials) {
        memoryHost = MemoryHost.start(new InetSocketAddress(own, 0), credentials, 256 * MIB, pages, Duration.ZERO);
    }

    private Agent startAgent(String name, Credentials credentials) {
        return Agent.start(directory.resolve(name), new InetSocketAddress(own, 0), credentials);
    }

    private static ApiClient client(Agent of) {
        return new ApiClient(of.socket());
    }

    private void startGuest(Agent at) {
        StartRequest request =
                TestAgent.request("web", "dirtier", MEMORY, "ws=8m cold=64m rate=2000 pattern=random sweep=400");
        client(at)
                .start(request.with(new StartRequest.MemoryHost(
                        own.getHostAddress() + ":" + memoryHost.address().getPort(), LOCAL)));
    }

    private long files() throws IOException {
        try (Stream<Path> files = Files.list(pages)) {
            return files.filter(file -> file.getFileName().toString().endsWith(".region"))
                    .count();
        }
    }

    @Test
    void aGuestRunsAndMovesWithItsPagesBehindTls() throws Exception {
        startMemoryHost(certificate("cluster", named("m")));
        agent = startAgent("a", certificate("cluster", named("a")));
        startGuest(agent);
        RemoteGuest web = new RemoteGuest(agent, "web");
        web.awaitReady();
        web.awaitElsewhere(40);
        web.verify();
        assertTrue(web.status().fetchedPages() > 40 * 256);
        assertTrue(files() > 0);
        try (Agent b = startAgent("b", certificate("cluster", named("b")))) {
            MigrateRequest request = new MigrateRequest(
                    own.getHostAddress() + ":" + b.address().getPort(), null, 5000L, null, 2, false, null);
            MigrationView started = client(agent).migrate("web", request);
            MigrationView done = client(agent).migration(started.id(), Duration.ofSeconds(60));
            assertNull(done.error(), done.toString());
            assertTrue(done.report().remotePages() > 30 * 256, done.report().toString());
            new RemoteGuest(b, "web").verify();
            client(b).remove("web");
        }
    }

    @Test
    void aWrongCertificateGetsNothing() throws Exception {
        startMemoryHost(certificate("cluster", named("m")));
        agent = startAgent("stranger", certificate("another", named("a")));
        Failure failure = assertThrows(Failure.class, () -> startGuest(agent));
        assertTrue(failure.getMessage().startsWith("guest web is not started: "), failure.getMessage());
        assertFalse(failure.getMessage().contains("\n"), failure.getMessage());
        assertEquals(List.of(), client(agent).guests(false));
        assertEquals(0, files());
    }

    @Test
    void aMemoryHostOfAnotherNameIsNotBelieved() throws Exception {
        startMemoryHost(certificate("cluster", "elsewhere"));
        agent = startAgent("a", certificate("cluster", named("a")));
        Failure failure = assertThrows(Failure.class, () -> startGuest(agent));
        assertTrue(failure.getMessage().contains(own.getHostAddress()), failure.getMessage());
        assertEquals(List.of(), client(agent).guests(false));
        assertEquals(0, files());
    }

    @Test
    void withoutCertificatesItIsRefusedBeforeAnythingIsSent() {
        startMemoryHost(certificate("cluster", named("m")));
        agent = TestAgent.start(directory.resolve("plain"));
        Failure failure = assertThrows(Failure.class, () -> startGuest(agent));
        assertEquals(Failure.Kind.BAD_INPUT, failure.kind());
        assertTrue(failure.getMessage().contains("this agent has no certificates"), failure.getMessage());
    }
}
