package dev.godwit.agent.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.inventory.Guest;
import dev.godwit.agent.memoryhost.MemoryHost;
import dev.godwit.agent.migration.GuestTalk;
import dev.godwit.agent.transport.Secret;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.memory.Backing;
import dev.godwit.host.tracking.AccessTracker;
import java.lang.foreign.Arena;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
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
        byte[] key = new byte[32];
        Arrays.fill(key, (byte) 7);
        memoryHost = MemoryHost.start(address, new Secret(key), 256 * MIB, files, Duration.ZERO);
        address = memoryHost.address();
    }

    private void startGuest(String options) throws Exception {
        StartRequest request = TestAgent.request("web", "dirtier", MEMORY, "ws=8m cold=96m " + options);
        StartRequest.MemoryHost there =
                new StartRequest.MemoryHost("127.0.0.1:" + memoryHost.address().getPort(), LOCAL);
        client(a).start(request.with(there));
        GuestTalk.await(machine(a), 0, "READY");
        await(() -> guest(a).remoteStatus().orElseThrow().remotePages() > 60 * 256, "its memory leaves it");
    }

    private static ApiClient client(Agent agent) {
        return new ApiClient(agent.socket());
    }

    private static Guest guest(Agent agent) {
        return agent.inventory().guest("web");
    }

    /** There is no other way to the machine of an agent's guest. */
    private static Machine machine(Agent agent) {
        return guest(agent).remote().orElseThrow().machine();
    }

    private static void verify(Agent agent) throws Exception {
        String answer = GuestTalk.ask(machine(agent), 'v', "VERIFIED");
        assertTrue(answer.endsWith(" errors=0"), answer);
    }

    private static void await(BooleanSupplier condition, String what) {
        long deadline = System.nanoTime() + 60_000_000_000L;
        while (!condition.getAsBoolean()) {
            assertTrue(System.nanoTime() < deadline, "it does not come that " + what);
            LockSupport.parkNanos(5_000_000);
        }
    }

    private static long residentBytes(Agent agent) {
        try (Arena arena = Arena.ofConfined()) {
            return Backing.scan(arena, machine(agent).memory()).resident().cardinality() << 12;
        }
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
            verify(a);
            await(() -> residentBytes(a) <= LOCAL + MIB, "it has no more than it may");
        }
        assertTrue(guest(a).remoteStatus().orElseThrow().fetchedPages() > 60 * 256);
        client(a).remove("web");
    }

    @ParameterizedTest
    @ValueSource(strings = {"precopy", "hybrid", "postcopy", "auto"})
    void itMovesWithoutThePagesThatAreElsewhere(String mode) throws Exception {
        startMemoryHost(null);
        startGuest("rate=2000");
        Agent from = a;
        Agent to = b;
        for (int i = 0; i < 3; i++) {
            MigrationView done = migrate(from, to, mode, mode.equals("precopy") || mode.equals("auto"));
            assertNull(done.error(), done.toString());
            assertTrue(done.report().remotePages() > 50 * 256, done.report().toString());
            assertTrue(done.report().sentBytes() < 80 * MIB, done.report().toString());
            Agent there = to;
            await(() -> residentBytes(there) <= LOCAL + MIB, "it has no more than it may");
            verify(there);
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
            machine(a).serial().offer((byte) 'v');
            await(() -> client(a).guest("web").state().equals("waiting"), "the guest waits");
            assertTrue(client(a).guest("web").memoryHost().awayMillis() > 0);
            long from = machine(a).serialLog().endOffset();
            startMemoryHost(files);
            String answer = GuestTalk.await(machine(a), from, "VERIFIED");
            assertTrue(answer.endsWith(" errors=0"), answer);
            assertEquals("running", client(a).guest("web").state());
        }
    }

    /** A look at its accesses is under way, and waits with it. */
    @Test
    void whileItWaitsNobodyWhoWantsSomethingOfItDoes() throws Exception {
        Path files = Files.createDirectory(directory.resolve("files"));
        startMemoryHost(files);
        startGuest("rate=2000");
        AccessTracker tracker = guest(a).trackAccesses(0.1, Duration.ofSeconds(10));
        assertTrue(tracker.awaitLooks(3, Duration.ofSeconds(30)));
        memoryHost.close();
        long from = machine(a).serialLog().endOffset();
        machine(a).serial().offer((byte) 'v');
        await(() -> client(a).guest("web").state().equals("waiting"), "the guest waits");
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
        assertTrue(took < 6000, took + " ms");
        assertEquals("waiting", client(a).guest("web").state());
        startMemoryHost(files);
        String answer = GuestTalk.await(machine(a), from, "VERIFIED");
        assertTrue(answer.endsWith(" errors=0"), answer);
        await(tracker::isTracking, "it is tracked again");
        long looks = tracker.cost().looks();
        assertTrue(tracker.awaitLooks(looks + 3, Duration.ofSeconds(30)));
        assertNull(migrate(a, b, "precopy", true).error());
        verify(b);
    }

    @Test
    void itIsStoppedWhenTheMemoryHostHasLostItsPages() throws Exception {
        startMemoryHost(null);
        startGuest("rate=2000");
        memoryHost.close();
        startMemoryHost(null);
        await(() -> client(a).guest("web").state().equals("stopped"), "the guest is stopped");
        GuestView guest = client(a).guest("web");
        assertEquals("pages-lost", guest.reason());
        assertTrue(guest.detail().contains("does not have the guest's pages"), guest.detail());
    }
}
