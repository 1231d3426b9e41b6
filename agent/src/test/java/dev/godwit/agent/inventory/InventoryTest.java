package dev.godwit.agent.inventory;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.Eventually;
import dev.godwit.agent.config.Failure;
import dev.godwit.agent.metrics.AgentMetrics;
import dev.godwit.agent.migration.ChunkRun;
import dev.godwit.agent.migration.GuestDescription;
import dev.godwit.agent.migration.MigrationException;
import dev.godwit.agent.migration.MigrationOptions;
import dev.godwit.agent.migration.MigrationPhase;
import dev.godwit.agent.migration.MigrationServer;
import dev.godwit.agent.migration.TargetHost.Admission;
import dev.godwit.agent.migration.TargetHost.RefusedException;
import dev.godwit.agent.stream.Bandwidth;
import dev.godwit.agent.transport.Secret;
import dev.godwit.host.device.SerialLog;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.machine.MachineConfig;
import dev.godwit.host.memory.Backing;
import dev.godwit.host.memory.ReadyMemory;
import dev.godwit.host.tracking.AccessTracker;
import dev.godwit.host.tracking.AccessTracking;
import dev.godwit.host.vcpu.StopReason;
import java.lang.foreign.Arena;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What an inventory does with guests while migrations, played by {@link ScriptedMover}, end in all their ways. */
@Tag("kvm")
@Timeout(240)
class InventoryTest {
    private static final MachineConfig SPINNING = MachineConfig.of(8 << 20).withCommandLine("ws=1m");
    /** For what does not take long, but may on a busy host. */
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private static final InetSocketAddress TARGET = new InetSocketAddress(InetAddress.getLoopbackAddress(), 9);

    @TempDir
    Path directory;

    private final ScriptedMover mover = new ScriptedMover();
    private Inventory inventory;

    @BeforeEach
    void create() {
        inventory = new Inventory(
                Kvm.open(),
                new Secret(new byte[32]),
                (machine, guest, _, target, options) -> mover.of(machine, guest),
                new ReportStore(directory),
                new AgentMetrics());
    }

    @AfterEach
    void close() {
        mover.end();
        inventory.close();
    }

    @Test
    void aMigratedGuestIsGoneButRemembered() throws Exception {
        Guest guest = inventory.start("web", "dirtier", SPINNING, Optional.empty(), false);
        MigrationJob job = migrate(guest);
        assertEquals(GuestState.MIGRATING, guest.state());
        mover.succeed();
        assertTrue(job.await(PATIENCE.toMillis()));
        assertTrue(job.outcome().orElseThrow().succeeded());
        assertThrows(Failure.class, () -> inventory.guest("web"));
        assertEquals("127.0.0.1:9", inventory.departed().getFirst().target());
        // Its name is free again.
        inventory.start("web", "dirtier", SPINNING, Optional.empty(), false);
    }

    @Test
    void aFailedMigrationLeavesTheGuestRunning() throws Exception {
        Guest guest = inventory.start("web", "dirtier", SPINNING, Optional.empty(), false);
        MigrationJob job = migrate(guest);
        mover.fail(MigrationException.Kind.UNREACHABLE);
        assertTrue(job.await(PATIENCE.toMillis()));
        assertFalse(job.outcome().orElseThrow().succeeded());
        assertEquals(GuestState.RUNNING, guest.state());
        guest.pause();
    }

    @Test
    void aMigrationHasTheGuestToItself() {
        Guest guest = inventory.start("web", "dirtier", SPINNING, Optional.empty(), false);
        migrate(guest);
        assertThrows(Failure.class, guest::pause);
        assertThrows(Failure.class, guest::resume);
        assertThrows(Failure.class, guest::stop);
        assertThrows(Failure.class, () -> migrate(guest));
        assertThrows(Failure.class, () -> inventory.remove("web"));
        assertThrows(Failure.class, () -> inventory.snapshot("web", directory.resolve("s")));
    }

    @Test
    void aGuestThatEndsWhileItMigratesIsListed() throws Exception {
        Guest guest = inventory.start("web", "dirtier", SPINNING, Optional.empty(), false);
        assertTrue(guest.log().awaitMore(0, Duration.ofSeconds(30)), "it is ready");
        MigrationJob job = migrate(guest);
        guest.input(new byte[] {'q'}, 0);
        mover.machine().whenStopped().get(30, TimeUnit.SECONDS);
        assertTrue(mover.machine().memory().segment().scope().isAlive(), "the migration still looks at it");
        mover.fail(MigrationException.Kind.GUEST_ENDED);
        assertTrue(job.await(PATIENCE.toMillis()));
        assertEquals(GuestState.STOPPED, guest.state());
        assertEquals(StopReason.Kind.EXIT, guest.stopReason().orElseThrow().kind());
    }

    @Test
    void aGuestInDoubtIsHeldUntilSomebodyDecides() throws Exception {
        Guest guest = inventory.start("web", "dirtier", SPINNING, Optional.empty(), false);
        MigrationJob job = migrate(guest, MigrationPhase.IN_DOUBT);
        assertEquals(GuestState.IN_DOUBT, guest.state());
        Failure e = assertThrows(Failure.class, guest::resume);
        assertEquals(
                "guest web is in doubt: 127.0.0.1:9 may run it; make sure that it does not, then resume with --force",
                e.getMessage());
        guest.resumeByForce();
        assertTrue(job.outcome().isPresent());
        assertEquals(GuestState.RUNNING, guest.state());
    }

    @Test
    void aGuestInDoubtCanBeGivenUp() throws Exception {
        Guest guest = inventory.start("web", "dirtier", SPINNING, Optional.empty(), false);
        MigrationJob job = migrate(guest, MigrationPhase.IN_DOUBT);
        Machine machine = mover.machine();
        inventory.remove("web");
        assertTrue(job.await(PATIENCE.toMillis()));
        assertEquals(Machine.State.STOPPED, machine.state());
        assertEquals(0, inventory.guests().size());
    }

    @Test
    void aGuestWhoseMemoryFollowsItCanBeGivenUpOnceItsTargetIsGone() throws Exception {
        Guest guest = inventory.start("web", "dirtier", SPINNING, Optional.empty(), false);
        MigrationJob job = migrate(guest, MigrationPhase.POSTCOPY);
        Failure e = assertThrows(Failure.class, () -> inventory.remove("web"));
        assertEquals(
                "guest web runs at 127.0.0.1:9; what is here is the memory that has still to follow it, and cannot be"
                        + " stopped; if 127.0.0.1:9 is gone for good: godwit cancel web --force",
                e.getMessage());
        job.cancel();
        Failure reached = assertThrows(Failure.class, job::cancelByForce);
        assertEquals(
                "guest web runs at 127.0.0.1:9, which is reached: 0 bytes of its memory are still being fetched, and"
                        + " nothing is given up",
                reached.getMessage());
        assertFalse(job.outcome().isPresent());
        mover.reached(false);
        job.cancelByForce();
        assertTrue(job.await(PATIENCE.toMillis()));
        assertEquals(GuestState.STOPPED, guest.state());
        inventory.remove("web");
    }

    /** An agent that ends keeps memory for a target for as long as that is reached. */
    @Test
    void whatFollowsAGuestIsGivenUpWhenTheTargetGoesWhileTheAgentEnds() throws Exception {
        MigrationJob job = migrate(inventory.start("web", "dirtier", SPINNING, Optional.empty(), false));
        mover.machine().pause();
        mover.phase(MigrationPhase.POSTCOPY);
        Thread ending = Thread.ofPlatform().start(inventory.migrations()::close);
        assertFalse(job.await(500));
        mover.reached(false);
        assertTrue(job.await(PATIENCE.toMillis()));
        ending.join();
    }

    @Test
    void aGuestArrives() throws Exception {
        Admission admission = inventory.admit(new GuestDescription("new", "dirtier", SPINNING));
        Guest guest = inventory.guest("new");
        assertEquals(GuestState.ARRIVING, guest.state());
        assertThrows(Failure.class, guest::resume);
        assertThrows(Failure.class, () -> inventory.remove("new"));
        assertThrows(Failure.class, () -> inventory.start("new", "hello", SPINNING, Optional.empty(), false));
        admission.adopt(true);
        assertEquals(GuestState.PAUSED, guest.state());
    }

    /** As after a cancel: the target may still be giving back the guest that did not come. */
    @Test
    void whatComesASecondTimeWaitsUntilTheFirstIsGone() throws Exception {
        GuestDescription guest = new GuestDescription("new", "dirtier", SPINNING);
        Admission first = inventory.admit(guest);
        CompletableFuture<Admission> second = CompletableFuture.supplyAsync(() -> {
            try {
                return inventory.admit(guest);
            } catch (RefusedException e) {
                throw new IllegalStateException(e);
            }
        });
        LockSupport.parkNanos(200_000_000);
        assertFalse(second.isDone());
        first.abandon("it was cancelled");
        second.get().abandon("the test has ended");
        // Not for ever.
        Admission third = inventory.admit(guest);
        assertRefused("a guest is already named new", guest);
        third.abandon("the test has ended");
    }

    @Test
    void aGuestThatDoesNotArriveLeavesNothing() throws Exception {
        Admission admission = inventory.admit(new GuestDescription("new", "dirtier", SPINNING));
        admission.abandon("the source is gone");
        assertEquals(0, inventory.guests().size());
        assertFalse(admission.machine().memory().segment().scope().isAlive());
        inventory.admit(new GuestDescription("new", "dirtier", SPINNING)).abandon("");
    }

    @Test
    void guestsThatCannotComeAreRefused() {
        inventory.start("web", "dirtier", SPINNING, Optional.empty(), false);
        assertRefused("a guest is already named web", new GuestDescription("web", "dirtier", SPINNING));
        assertRefused(
                "'../x' is no name for a guest; use 1 to 63 of a-z, 0-9, '_', '.' and '-', the first a letter or digit",
                new GuestDescription("../x", "dirtier", SPINNING));
        RefusedException e = assertThrows(
                RefusedException.class,
                () -> inventory.admit(
                        new GuestDescription("big", "dirtier", MachineConfig.of(MachineConfig.MAX_MEMORY))));
        assertTrue(e.getMessage().startsWith("a guest of 1 TiB does not fit: this host has "), e.getMessage());
        assertEquals(1, inventory.guests().size());
    }

    private Inventory withReady(long bytes, HostMemory[] host) {
        return new Inventory(
                Kvm.open(),
                new Secret(new byte[32]),
                (machine, guest, _, target, options) -> mover.of(machine, guest),
                new ReportStore(directory),
                new AgentMetrics(),
                Optional.of(new ReadyMemory(bytes)),
                () -> host[0]);
    }

    /** As long as it is not needed otherwise. */
    @Test
    void memoryIsReadyForGuestsThatArrive() throws Exception {
        long bytes = 32L << 20;
        HostMemory[] host = {new HostMemory(1L << 30, 1L << 30, 0)};
        MachineConfig config = MachineConfig.of(bytes);
        try (Inventory ready = withReady(bytes, host)) {
            assertTrue(ready.room().makeReady(), "this host gives no large pages");
            assertEquals(bytes, ready.room().ready());
            assertEquals(
                    bytes, ready.room().ofHost().available() - host[0].available(), "what is ready is as good as free");
            Admission admission = ready.admit(new GuestDescription("new", "dirtier", config));
            admission.back(List.of(new ChunkRun(0, 4), new ChunkRun(8, 1000)));
            assertEquals(8L << 20, ready.room().ready(), "twelve of sixteen are gone");
            try (Arena arena = Arena.ofConfined()) {
                long large = Backing.scan(arena, admission.machine().memory()).largeBytes();
                assertTrue(large >= 12L << 21, large + " bytes"); // the kernel makes more of them as it likes
            }
            assertFalse(ready.room().makeReady(), "while a guest is on its way");
            admission.adopt(true);
            assertTrue(ready.room().makeReady());
            host[0] = new HostMemory(1L << 30, 100L << 20, 0);
            ready.start("other", "dirtier", config, Optional.empty(), true);
            assertEquals(0, ready.room().ready(), "guests come first");
            assertFalse(ready.room().makeReady(), "the host has nothing to spare");
        }
    }

    /** A restored guest takes its memory as it comes out of the file: what is ready makes room for it. */
    @Test
    void memoryThatIsReadyYieldsToARestoredGuest() throws Exception {
        long bytes = 32L << 20;
        Path file = directory.resolve("web.snap");
        MachineConfig config = MachineConfig.of(bytes).withCommandLine("ws=1m cold=8m");
        awaitLog(inventory.start("web", "dirtier", config, Optional.empty(), false), 0, "READY ");
        inventory.snapshot("web", file);
        HostMemory plenty = new HostMemory(1L << 30, 1L << 30, 0);
        // With what is ready, and the 64 MiB that are kept back, enough for one.
        HostMemory scarce = new HostMemory(1L << 30, 70L << 20, 0);
        HostMemory[] host = {plenty};
        try (Inventory ready = withReady(bytes, host)) {
            assertTrue(ready.room().makeReady(), "this host gives no large pages");
            verify(ready.restore("first", file, false));
            assertEquals(bytes, ready.room().ready(), "there is enough for both");
            ready.remove("first");

            host[0] = scarce;
            Guest second = ready.restore("second", file, false);
            assertEquals(0, ready.room().ready(), "guests come first");
            verify(second);
            Failure e = assertThrows(Failure.class, () -> ready.restore("third", file, false));
            assertTrue(e.getMessage().startsWith("a guest of 32 MiB does not fit: "), e.getMessage());
            assertFalse(ready.room().makeReady(), "the host has nothing to spare");

            host[0] = plenty;
            long deadline = System.nanoTime() + 30_000_000_000L;
            while (ready.room().ready() < bytes) {
                // Not while its memory comes.
                ready.room().makeReady();
                assertTrue(System.nanoTime() < deadline, "this host gives no large pages");
                LockSupport.parkNanos(1_000_000);
            }
            verify(second);
        }
    }

    /** By a real target that has no room. */
    @Test
    void aGuestThatIsRefusedElsewhereIsTrackedHereAsBefore() throws Exception {
        Secret secret = new Secret(new byte[32]);
        HostMemory small = new HostMemory(1L << 30, 80L << 20, 0);
        Semaphore mayRefuse = new Semaphore(0);
        try (Inventory here = new Inventory(
                        Kvm.open(),
                        secret,
                        EngineMover.with(secret, Bandwidth.unlimited()),
                        new ReportStore(directory),
                        new AgentMetrics());
                Inventory there = new Inventory(
                        Kvm.open(),
                        secret,
                        EngineMover.with(secret, Bandwidth.unlimited()),
                        new ReportStore(directory),
                        new AgentMetrics(),
                        Optional.empty(),
                        () -> small);
                MigrationServer server = new MigrationServer(
                        new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), secret, description -> {
                            mayRefuse.acquireUninterruptibly();
                            return there.admit(description);
                        })) {
            server.start();
            MachineConfig config = MachineConfig.of(32L << 20).withCommandLine("ws=8m pattern=random");
            Guest guest = here.start("web", "dirtier", config, Optional.empty(), false);
            AccessTracker tracker = guest.trackAccesses(new AccessTracking(0.2, Duration.ofSeconds(10)), true);
            assertTrue(tracker.awaitLooks(2, PATIENCE));
            for (int i = 0; i < 2; i++) {
                MigrationJob job = here.migrations().start(guest, server.address(), MigrationOptions.DEFAULT);
                Eventually.await(() -> !tracker.isTracking(), () -> "looking on costs when time is dear");
                mayRefuse.release();
                assertTrue(job.await(PATIENCE.toMillis()));
                MigrationException refused = job.outcome().orElseThrow().error();
                assertEquals(MigrationException.Kind.REFUSED, refused.kind());
                assertTrue(refused.getMessage().contains("does not fit"), refused.getMessage());
                assertEquals(GuestState.RUNNING, guest.state());
                // On a busy host its migration waits for that only briefly.
                Eventually.await(tracker::isTracking, "it is tracked again");
                long looks = tracker.cost().looks();
                assertTrue(tracker.awaitLooks(looks + 2, PATIENCE), "it looks on");
            }
            verify(guest);
            assertEquals(List.of(), there.guests());
        }
    }

    private static void verify(Guest guest) throws InterruptedException {
        long from = guest.log().endOffset();
        guest.input(new byte[] {'v'}, 0);
        String answer = awaitLog(guest, from, "VERIFIED ");
        assertTrue(answer.endsWith(" errors=0"), answer);
    }

    /** The first whole line from an offset of a guest's log on that begins so. */
    private static String awaitLog(Guest guest, long from, String start) throws InterruptedException {
        SerialLog log = guest.log();
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (System.nanoTime() < deadline) {
            long end = log.endOffset();
            String text = new String(log.read(from, Integer.MAX_VALUE).bytes(), US_ASCII);
            Optional<String> line = text.substring(0, text.lastIndexOf('\n') + 1)
                    .lines()
                    .filter(each -> each.startsWith(start))
                    .findFirst();
            if (line.isPresent()) {
                return line.get();
            }
            log.awaitMore(end, Duration.ofSeconds(1));
        }
        throw new AssertionError("no line " + start);
    }

    @Test
    void memoryIsPromisedOnce() throws Exception {
        HostMemory host = new HostMemory(1L << 30, 1L << 30, 0);
        MachineConfig half = MachineConfig.of(512 << 20);
        try (Inventory small = new Inventory(
                Kvm.open(),
                new Secret(new byte[32]),
                (machine, guest, _, target, options) -> mover.of(machine, guest),
                new ReportStore(directory),
                new AgentMetrics(),
                Optional.empty(),
                () -> host)) {
            small.start("one", "dirtier", half, Optional.empty(), true);
            Failure e = assertThrows(Failure.class, () -> small.start("two", "dirtier", half, Optional.empty(), true));
            assertTrue(e.getMessage().contains("512 MiB promised to guests here"), e.getMessage());
            assertThrows(RefusedException.class, () -> small.admit(new GuestDescription("two", "dirtier", half)));
            small.guest("one").stop();
            assertEquals(0, small.room().promised(), "one that ended keeps its name only");
            small.admit(new GuestDescription("two", "dirtier", half)).abandon("");
            small.start("two", "dirtier", half, Optional.empty(), true);
        }
    }

    private MigrationJob migrate(Guest guest) {
        return inventory.migrations().start(guest, TARGET, MigrationOptions.DEFAULT);
    }

    /** A migration that has got so far: the guest stands still here. */
    private MigrationJob migrate(Guest guest, MigrationPhase phase) {
        MigrationJob job = migrate(guest);
        mover.machine().pause();
        mover.phase(phase);
        return job;
    }

    private void assertRefused(String message, GuestDescription guest) {
        RefusedException e = assertThrows(RefusedException.class, () -> inventory.admit(guest));
        assertEquals(message, e.getMessage());
    }
}
