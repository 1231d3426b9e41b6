package dev.godwit.agent.migration;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.Eventually;
import dev.godwit.agent.migration.FaultProxy.Action;
import dev.godwit.agent.migration.FaultProxy.Fault;
import dev.godwit.agent.migration.FaultProxy.Lane;
import dev.godwit.agent.migration.MigrationException.Kind;
import dev.godwit.agent.transport.Handshake.Role;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.machine.MachineConfig;
import dev.godwit.host.vcpu.StopReason;
import dev.godwit.images.GuestImage;
import java.time.Duration;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** What breaks while a guest's memory follows it. */
@Tag("kvm")
@Timeout(300)
class PostcopyFaultTest {
    private static final int MOST_TRIES = 60;
    private static final MachineConfig CONFIG =
            MachineConfig.of(32 << 20).withCpus(2).withCommandLine("ws=8m cold=all cpus=2 pattern=random sweep=20000");
    private static final MachineConfig CALM = MachineConfig.of(64 << 20)
            .withCpus(2)
            .withCommandLine("ws=32m cold=all cpus=2 rate=2000 pattern=random sweep=200");
    private static final MigrationOptions OPTIONS = MigrationOptions.DEFAULT
            .withMode(MigrationMode.POSTCOPY)
            // Two connections bring what is not waited for.
            .withStreams(8)
            .withStall(Duration.ofSeconds(2));

    private Kvm kvm;
    private LoopbackHost host;
    private Wanderer guest;

    @BeforeEach
    void open() throws Exception {
        kvm = Kvm.open();
        host = new LoopbackHost(kvm);
        guest = Wanderer.boot(kvm, host, GuestImage.DIRTIER, CONFIG);
    }

    @AfterEach
    void close() {
        guest.close();
        host.close();
        kvm.close();
    }

    /** A page connection breaks at any byte: the guest waits, the connections are made again, and nothing is lost. */
    @ParameterizedTest
    @EnumSource(
            value = Action.class,
            names = {"CUT", "RESET", "STALL", "HALF_CLOSE"})
    void thePagesGoOnWhenAConnectionBreaks(Action action) throws Exception {
        Random random = Chance.random("thePagesGoOnWhenAConnectionBreaks");
        Map<Lane, AtomicLong> lengths;
        try (FaultProxy proxy = new FaultProxy(host.address(), null)) {
            // Nothing is to be noticed.
            var failure = guest.attempt(guest.prepare(proxy.address(), OPTIONS.withStall(Duration.ofSeconds(30))));
            assertTrue(failure.isEmpty(), () -> failure.get().getMessage());
            lengths = proxy.bytes();
        }
        int again = 0;
        // Many a fault comes to pass when all is across anyway: on until one did not, if it is one that is noticed at
        // once.
        boolean noticed = action != Action.STALL && action != Action.HALF_CLOSE;
        int least = Chance.times(action == Action.STALL ? 3 : 12);
        int times = 0;
        for (; times < least || (noticed && again == 0 && times < MOST_TRIES); times++) {
            Lane lane = new Lane(Role.PAGES, random.nextInt(1 + OPTIONS.pageStreams()), random.nextBoolean());
            // The handshake is part of opening the connections, while the guest is still here.
            long at = 200 + random.nextLong(Math.max(1, lengths.get(lane).get() - 200));
            Fault fault = new Fault(lane, at, action);
            try (FaultProxy proxy = new FaultProxy(host.address(), fault)) {
                var failure = guest.attempt(guest.prepare(proxy.address(), OPTIONS));
                assertTrue(failure.isEmpty(), () -> fault + ": " + failure.get().getMessage());
                guest.verify();
                again += guest.report().postcopy().reconnects();
            }
        }
        System.out.println(action + ": connected again " + again + " times in " + times + " migrations");
        assertTrue(again > 0 || !noticed, "no fault of " + times + " came to pass in time");
    }

    /** What nobody is told of, in the middle of it: a limit and a calm guest leave most of its memory still to come. */
    @ParameterizedTest
    @CsvSource({
        "STALL, 0, true, 65536",
        "STALL, 0, false, 4096",
        "STALL, 1, true, 4000000",
        "HALF_CLOSE, 0, true, 65536",
        "HALF_CLOSE, 0, false, 4096",
        "HALF_CLOSE, 1, true, 4000000"
    })
    void connectionsThatBringNothingAnyMoreAreMadeAgain(Action action, int stream, boolean up, long at)
            throws Exception {
        Duration stall = Duration.ofSeconds(1);
        MigrationOptions slow = OPTIONS.withStreams(1).withBandwidth(16 << 20).withStall(stall);
        Lane lane = new Lane(Role.PAGES, stream, up);
        guest.close();
        guest = Wanderer.boot(kvm, host, GuestImage.DIRTIER, CALM);
        try (FaultProxy proxy = new FaultProxy(host.address(), new Fault(lane, at, action))) {
            Migration migration = guest.prepare(proxy.address(), slow);
            var moved = CompletableFuture.supplyAsync(
                    () -> guest.attempt(migration),
                    task -> Thread.ofPlatform().daemon().start(task));
            assertTrue(proxy.fired().await(60, TimeUnit.SECONDS));
            long broken = System.nanoTime();
            long bytes = proxy.bytes().get(lane).get();
            awaitPostcopy(migration);
            Eventually.await(() -> proxy.bytes().get(lane).get() > bytes, "it is connected again");
            long nanos = System.nanoTime() - broken;
            System.out.println(action + " of " + lane + ": connected again after " + nanos / 1_000_000 + " ms");
            // A ping may just have come when it broke.
            assertTrue(action != Action.STALL || nanos >= stall.toNanos() / 2, "before it could be noticed");
            assertTrue(nanos < 10 * stall.toNanos(), "noticed after " + nanos + " ns only");
            var failure = moved.get();
            assertTrue(failure.isEmpty(), () -> failure.get().getMessage());
        }
        MigrationReport report = guest.report();
        assertTrue(report.postcopy().reconnects() >= 1, report.toString());
        guest.verify();
    }

    /** Neither side waits for the other: to the source all has gone, and a paused guest asks for nothing. */
    @Test
    void whatIsHeldUpAtTheVeryEndComesAgain() throws Exception {
        MigrationOptions patient = OPTIONS.withStreams(1).withStall(Duration.ofSeconds(1));
        Lane lane = new Lane(Role.PAGES, 1, true);
        guest.close();
        guest = Wanderer.boot(kvm, host, GuestImage.DIRTIER, CALM);
        guest.machine().pause();
        long length;
        try (FaultProxy proxy = new FaultProxy(host.address(), null)) {
            assertTrue(guest.attempt(guest.prepare(proxy.address(), patient)).isEmpty());
            length = proxy.bytes().get(lane).get();
        }
        Fault late = new Fault(lane, length - (length >> 6), Action.STALL);
        try (FaultProxy proxy = new FaultProxy(host.address(), late)) {
            var failure = guest.attempt(guest.prepare(proxy.address(), patient));
            assertTrue(failure.isEmpty(), () -> failure.get().getMessage());
            assertTrue(proxy.hasFired());
        }
        assertTrue(guest.report().postcopy().reconnects() >= 1, guest.report().toString());
        guest.machine().resume();
        guest.verify();
    }

    private static void awaitPostcopy(Migration migration) {
        while (migration.progress().phase() != MigrationPhase.POSTCOPY) {
            assertFalse(migration.progress().phase().isFinal(), "it has ended");
            LockSupport.parkNanos(1_000_000);
        }
    }

    /** The source is gone for good: the guest does not run on without its memory. */
    @Test
    void theGuestIsStoppedWhenItsSourceHasEnded() throws Exception {
        // So slow that there is time to end it.
        MigrationOptions slow = OPTIONS.withBandwidth(4 << 20);
        Migration migration = guest.prepare(host.address(), slow.withStall(Duration.ofSeconds(3)));
        Thread source = Thread.ofPlatform().start(() -> {
            try {
                migration.run();
            } catch (MigrationException e) {
                assertEquals(Kind.LOST, e.kind());
            }
        });
        awaitPostcopy(migration);
        Machine there = host.arrived.remove(Wanderer.NAME);
        assertEquals(Machine.State.PAUSED, guest.machine().state(), "it stays as it was, whatever comes");
        migration.die();
        StopReason reason = there.awaitStop(Duration.ofSeconds(60)).orElseThrow();
        assertEquals(StopReason.Kind.PAGES_LOST, reason.kind());
        assertTrue(reason.detail().contains("MiB of its memory are lost"), reason.detail());
        source.join();
        assertEquals(Machine.State.STOPPED, guest.machine().state(), "and it never runs here again");
        there.close();
    }

    /** The user ends the guest at the target, where much of it never was. */
    @Test
    void aGuestCanBeStoppedBeforeItsMemoryIsThere() throws Exception {
        Migration migration = guest.prepare(host.address(), OPTIONS.withBandwidth(4 << 20));
        Thread source = Thread.ofPlatform().start(() -> {
            try {
                migration.run();
            } catch (MigrationException e) {
                throw new IllegalStateException(e);
            }
        });
        awaitPostcopy(migration);
        Machine there = host.arrived.remove(Wanderer.NAME);
        there.stop(new StopReason(StopReason.Kind.STOPPED, 0, "enough"));
        source.join();
        assertEquals("completed", migration.report().outcome());
        there.close();
    }

    /** The target is gone, with the guest: what is here is older, and does not run again. */
    @Test
    void theGuestIsLostWithItsTarget() throws Exception {
        try (LoopbackHost next = new LoopbackHost(kvm)) {
            Migration migration = guest.prepare(next.address(), OPTIONS.withBandwidth(4 << 20));
            Thread ending = Thread.ofPlatform().start(() -> {
                awaitPostcopy(migration);
                next.closeServer();
            });
            assertEquals(Kind.LOST, guest.attemptOrLose(migration).kind());
            ending.join();
            assertEquals(
                    StopReason.Kind.PAGES_LOST,
                    next.arrived.get(Wanderer.NAME).stopReason().orElseThrow().kind());
        }
        assertEquals(Machine.State.STOPPED, guest.machine().state());
    }
}
