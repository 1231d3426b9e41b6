package dev.godwit.agent.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.Eventually;
import dev.godwit.agent.memoryhost.MemoryHost;
import dev.godwit.host.tracking.AccessTracker;
import dev.godwit.host.tracking.AccessTracking;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Guests most of whose memory is at a memory host: they check every word of it, wherever it is. */
@Tag("kvm")
@Timeout(240)
class RemoteGuestTest {
    private static final long MIB = 1 << 20;
    private static final long MEMORY = 128 * MIB;
    private static final long LOCAL = 32 * MIB;

    @TempDir
    Path directory;

    private Agent a;
    private Agent b;
    private MemoryHost memoryHost;
    private InetSocketAddress address = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);

    @BeforeEach
    void open() {
        a = TestAgent.start(directory.resolve("a"));
        b = TestAgent.start(directory.resolve("b"));
    }

    @AfterEach
    void close() {
        a.close();
        b.close();
        if (memoryHost != null) {
            memoryHost.close();
        }
    }

    private void startMemoryHost(Path files) {
        memoryHost = MemoryHost.start(address, TestAgent.secret(), 256 * MIB, files, Duration.ZERO);
        address = memoryHost.address();
    }

    private void startGuest(String options) throws Exception {
        StartRequest request = TestAgent.request("web", "dirtier", MEMORY, "ws=8m cold=96m " + options);
        StartRequest.MemoryHost there =
                new StartRequest.MemoryHost("127.0.0.1:" + memoryHost.address().getPort(), LOCAL);
        client(a).start(request.with(there));
        web(a).awaitReady();
        web(a).awaitElsewhere(60);
    }

    private static ApiClient client(Agent agent) {
        return new ApiClient(agent.socket());
    }

    private static RemoteGuest web(Agent agent) {
        return new RemoteGuest(agent, "web");
    }

    private MigrationView migrate(Agent from, Agent to, String mode, boolean verify) {
        MigrateRequest request =
                new MigrateRequest("127.0.0.1:" + to.address().getPort(), mode, 2000L, null, 2, verify, null);
        MigrationView started = client(from).migrate("web", request);
        return client(from).migration(started.id(), Duration.ofSeconds(60));
    }

    @Test
    void aGuestStaysWithinWhatItMayHaveAndFindsAllOfIt() throws Exception {
        startMemoryHost(null);
        startGuest("rate=2000 pattern=random");
        for (int i = 0; i < 3; i++) {
            web(a).verify();
            Eventually.await(() -> web(a).residentBytes() <= LOCAL + MIB, "it has no more than it may");
        }
        assertTrue(web(a).status().fetchedPages() > 60 * 256);
        client(a).remove("web");
    }

    @ParameterizedTest
    @ValueSource(strings = {"precopy", "hybrid", "postcopy", "auto"})
    void itMovesWithoutThePagesThatAreElsewhere(String mode) throws Exception {
        startMemoryHost(null);
        // All that it checks comes back, however long this host takes: so it checks little.
        startGuest("rate=2000 sweep=400");
        Agent from = a;
        Agent to = b;
        for (int i = 0; i < 3; i++) {
            MigrationView done = migrate(from, to, mode, mode.equals("precopy") || mode.equals("auto"));
            assertNull(done.error(), done.toString());
            assertTrue(done.report().remotePages() > 50 * 256, done.report().toString());
            assertTrue(done.report().sentBytes() < 80 * MIB, done.report().toString());
            // Also when some have come back meanwhile: 104 MiB are filled.
            assertTrue(
                    done.report().untouchedPages() <= (MEMORY - 104 * MIB) / 4096,
                    done.report().toString());
            Agent there = to;
            Eventually.await(() -> web(there).residentBytes() <= LOCAL + MIB, "it has no more than it may");
            web(there).verify();
            Agent back = from;
            from = to;
            to = back;
        }
    }

    @Test
    void itWaitsWhileTheMemoryHostIsAwayAndGoesOnWhenItIsBack() throws Exception {
        Path files = Files.createDirectory(directory.resolve("files"));
        startMemoryHost(files);
        startGuest("rate=2000");
        for (int i = 0; i < 2; i++) {
            memoryHost.close();
            web(a).machine().serial().offer((byte) 'v');
            Eventually.await(() -> client(a).guest("web").state().equals("waiting"), "the guest waits");
            assertTrue(client(a).guest("web").memoryHost().awayMillis() > 0);
            long from = web(a).machine().serialLog().endOffset();
            startMemoryHost(files);
            web(a).awaitVerified(from);
            assertEquals("running", client(a).guest("web").state());
        }
    }

    /** A look at its accesses is under way, and waits with it. */
    @Test
    void whileItWaitsNobodyWhoWantsSomethingOfItDoes() throws Exception {
        Path files = Files.createDirectory(directory.resolve("files"));
        startMemoryHost(files);
        startGuest("rate=2000");
        AccessTracker tracker = web(a).guest().trackAccesses(new AccessTracking(0.1, Duration.ofSeconds(10)), true);
        assertTrue(tracker.awaitLooks(3, Duration.ofSeconds(30)));
        memoryHost.close();
        long from = web(a).machine().serialLog().endOffset();
        web(a).machine().serial().offer((byte) 'v');
        Eventually.await(() -> client(a).guest("web").state().equals("waiting"), "the guest waits");
        LockSupport.parkNanos(1_000_000_000);
        long begin = System.nanoTime();
        MigrateRequest request =
                new MigrateRequest("127.0.0.1:" + b.address().getPort(), "precopy", null, null, 2, false, null);
        MigrationView started = client(a).migrate("web", request);
        assertEquals(1, client(a).guests(false).size());
        client(a).cancel(started.id());
        MigrationView end = client(a).migration(started.id(), Duration.ofSeconds(60));
        assertTrue(end.done() && end.error() != null, end.toString());
        long took = (System.nanoTime() - begin) / 1_000_000;
        assertTrue(took < 9000, took + " ms, and nothing ends by its stall before ten seconds");
        assertEquals("waiting", client(a).guest("web").state());
        startMemoryHost(files);
        web(a).awaitVerified(from);
        Eventually.await(tracker::isTracking, "it is tracked again");
        long looks = tracker.cost().looks();
        assertTrue(tracker.awaitLooks(looks + 3, Duration.ofSeconds(30)));
        assertNull(migrate(a, b, "precopy", true).error());
        web(b).verify();
    }

    @Test
    void itIsStoppedWhenTheMemoryHostHasLostItsPages() throws Exception {
        startMemoryHost(null);
        startGuest("rate=2000");
        memoryHost.close();
        startMemoryHost(null);
        Eventually.await(() -> client(a).guest("web").state().equals("stopped"), "the guest is stopped");
        GuestView guest = client(a).guest("web");
        assertEquals("pages-lost", guest.reason());
        assertTrue(guest.detail().contains("does not have the guest's pages"), guest.detail());
    }
}
