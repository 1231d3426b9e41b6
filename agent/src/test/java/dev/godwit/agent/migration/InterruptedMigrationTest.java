package dev.godwit.agent.migration;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.migration.FaultProxy.Action;
import dev.godwit.agent.migration.FaultProxy.Fault;
import dev.godwit.agent.migration.FaultProxy.Lane;
import dev.godwit.agent.migration.MigrationException.Kind;
import dev.godwit.agent.transport.Handshake.Role;
import dev.godwit.host.boot.PvhImage;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.machine.MachineConfig;
import dev.godwit.host.vcpu.StopReason;
import dev.godwit.images.GuestImage;
import java.lang.foreign.Arena;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Migrations that somebody ends: the user, the guest itself, or a limit. */
@Tag("kvm")
@Timeout(120)
class InterruptedMigrationTest {
    private static final MachineConfig CONFIG =
            MachineConfig.of(16 << 20).withCpus(2).withCommandLine("ws=2m cold=all rate=40000 cpus=2");

    private static final MigrationOptions PRECOPY = MigrationOptions.DEFAULT.withMode(MigrationMode.PRECOPY);

    /** On a busy host the fixed part of a pause alone exceeds the default budget, which is not what is tested. */
    private static final MigrationOptions PATIENT = PRECOPY.withDowntime(Duration.ofSeconds(5));

    private Kvm kvm;
    private LoopbackHost host;

    @BeforeEach
    void open() throws Exception {
        kvm = Kvm.open();
        host = new LoopbackHost(kvm);
    }

    @AfterEach
    void close() {
        host.close();
        kvm.close();
    }

    private Wanderer boot(MachineConfig config) throws Exception {
        return Wanderer.boot(kvm, host, GuestImage.DIRTIER, config);
    }

    /** How long a migration takes here and now, in nanoseconds. */
    private static long usual(Wanderer guest) {
        guest.move(PATIENT);
        long started = System.nanoTime();
        guest.move(PATIENT);
        return System.nanoTime() - started;
    }

    /** A thread that does something after a random time, as the migration goes on. */
    private static Thread soon(Random random, long mostNanos, Runnable what) {
        long nanos = random.nextLong(mostNanos);
        return Thread.ofPlatform().start(() -> {
            LockSupport.parkNanos(nanos);
            what.run();
        });
    }

    @Test
    void cancelledAtAnyMomentItGoesOnHereOrHasArrived() throws Exception {
        Random random = Chance.random("cancelledAtAnyMoment");
        int arrived = 0;
        int times = Chance.times(40);
        try (Wanderer guest = boot(CONFIG)) {
            long usual = usual(guest);
            for (int i = 0; i < times; i++) {
                Migration migration = guest.prepare(host.address(), PATIENT);
                Thread canceller = soon(random, usual * 5 / 4, migration::cancel);
                Optional<MigrationException> failure = guest.attempt(migration);
                canceller.join();
                failure.ifPresent(e -> assertEquals(Kind.CANCELLED, e.kind(), e.getMessage()));
                arrived += failure.isEmpty() ? 1 : 0;
                guest.verify();
            }
        }
        System.out.println("cancelledAtAnyMoment: " + arrived + " of " + times + " arrived");
    }

    @Test
    void cancelledBeforeItBeginsItDoesNotBegin() throws Exception {
        try (Wanderer guest = boot(CONFIG)) {
            Migration migration = guest.prepare(host.address(), PATIENT);
            migration.cancel();
            assertEquals(Kind.CANCELLED, guest.attempt(migration).orElseThrow().kind());
            assertThrows(IllegalStateException.class, migration::run);
            guest.verify();
        }
    }

    @Test
    void aSlowMigrationIsCancelledAtOnce() throws Exception {
        try (Wanderer guest = boot(CONFIG)) {
            // At this rate a chunk's turn comes in the next hours.
            Migration migration = guest.prepare(host.address(), PATIENT.withBandwidth(100));
            Thread canceller = soon(new Random(1), 250_000_000, migration::cancel);
            long started = System.nanoTime();
            assertEquals(Kind.CANCELLED, guest.attempt(migration).orElseThrow().kind());
            canceller.join();
            assertTrue(System.nanoTime() - started < 10_000_000_000L);
            guest.verify();
        }
    }

    /** Cancels it when it waits for the target; less than it would wait for by itself has to do. */
    private static void cancelAndGoOn(Migration migration, CountDownLatch waits, Wanderer guest) throws Exception {
        CompletableFuture<Optional<MigrationException>> ended = CompletableFuture.supplyAsync(
                () -> guest.attempt(migration), task -> Thread.ofPlatform().start(task));
        waits.await();
        LockSupport.parkNanos(200_000_000);
        assertFalse(ended.isDone(), "it waits");
        migration.cancel();
        assertEquals(
                Kind.CANCELLED, ended.get(4, TimeUnit.SECONDS).orElseThrow().kind());
        guest.verify();
    }

    @Test
    void aMigrationToWhereNobodyAnswersIsCancelledAtOnce() throws Exception {
        List<Socket> queue = new ArrayList<>();
        try (Wanderer guest = boot(CONFIG);
                ServerSocket silent = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            InetSocketAddress address = new InetSocketAddress(silent.getInetAddress(), silent.getLocalPort());
            // Nobody accepts them, and when the queue is full the kernel answers no more.
            assertThrows(SocketTimeoutException.class, () -> {
                while (true) {
                    Socket waiting = new Socket();
                    queue.add(waiting);
                    waiting.connect(address, 300);
                }
            });
            cancelAndGoOn(guest.prepare(address, PATIENT), new CountDownLatch(0), guest);
        } finally {
            for (Socket socket : queue) {
                socket.close();
            }
        }
    }

    @Test
    void aMigrationWhosePageConnectionIsNotGreetedIsCancelledAtOnce() throws Exception {
        Fault silence = new Fault(new Lane(Role.PAGES, 0, true), 0, Action.STALL);
        try (Wanderer guest = boot(CONFIG);
                FaultProxy proxy = new FaultProxy(host.address(), silence)) {
            MigrationOptions postcopy = PATIENT.withMode(MigrationMode.POSTCOPY);
            cancelAndGoOn(guest.prepare(proxy.address(), postcopy), proxy.fired(), guest);
        }
    }

    @Test
    void aGuestThatEndsMeanwhileEndsOnOneSideOnly() throws Exception {
        Random random = Chance.random("aGuestThatEndsMeanwhile");
        int here = 0;
        int times = Chance.times(15);
        long usual;
        long ending;
        try (Wanderer guest = boot(CONFIG)) {
            usual = usual(guest);
            long asked = System.nanoTime();
            guest.machine().serial().offer((byte) 'q');
            assertEnded(guest.machine());
            ending = System.nanoTime() - asked;
        }
        for (int i = 0; i < times; i++) {
            try (Wanderer guest = boot(CONFIG)) {
                guest.machine().serial().offer((byte) 'q');
                // It verifies and reports before it ends: somewhere in the migration, if all goes at its usual pace.
                LockSupport.parkNanos(ending - random.nextLong(2 * usual));
                try {
                    guest.prepare(host.address(), PATIENT).run();
                    try (Machine there = host.arrived.remove(Wanderer.NAME)) {
                        assertEnded(there);
                    }
                    assertEquals(
                            StopReason.Kind.MIGRATED,
                            guest.machine().stopReason().orElseThrow().kind());
                } catch (MigrationException e) {
                    assertEquals(Kind.GUEST_ENDED, e.kind(), e.getMessage());
                    assertEnded(guest.machine());
                    here++;
                }
                assertTrue(host.arrived.isEmpty());
            }
        }
        System.out.println("aGuestThatEndsMeanwhile: " + here + " of " + times + " ended at the source");
    }

    private static void assertEnded(Machine machine) throws InterruptedException {
        StopReason reason = machine.awaitStop(Duration.ofSeconds(30)).orElseThrow();
        assertEquals(StopReason.Kind.EXIT, reason.kind(), reason.toString());
        assertEquals(0, reason.code());
    }

    @Test
    void aGuestThatFaultsMeanwhileDoesNotArriveTwice() throws Exception {
        MachineConfig config = MachineConfig.of(16 << 20).withCommandLine("mode=triple");
        for (int i = 0; i < Chance.times(10); i++) {
            Machine machine;
            try (Arena arena = Arena.ofConfined()) {
                machine = Machine.boot(kvm, config, PvhImage.open(GuestImage.HOSTILE.path(), arena));
            }
            try (machine) {
                machine.resume();
                GuestDescription description = new GuestDescription("faulty", "hostile", config);
                new Migration(machine, description, host.address(), LoopbackHost.SECRET, PATIENT).run();
                Machine there = host.arrived.remove("faulty");
                assertEquals(
                        StopReason.Kind.TRIPLE_FAULT,
                        there.awaitStop(Duration.ofSeconds(30)).orElseThrow().kind());
                there.close();
            } catch (MigrationException e) {
                assertEquals(Kind.GUEST_ENDED, e.kind(), e.getMessage());
                assertTrue(host.arrived.isEmpty());
            }
        }
    }

    @Test
    void whatDoesNotConvergeGoesOnHere() throws Exception {
        MachineConfig busy = MachineConfig.of(32 << 20).withCommandLine("ws=16m");
        try (Wanderer guest = boot(busy)) {
            Optional<MigrationException> failure = guest.attempt(guest.prepare(
                    host.address(),
                    PRECOPY.withDowntime(Duration.ofMillis(60))
                            .withBandwidth(10_000_000)
                            .withMaxTime(Duration.ofMillis(1500))));
            assertEquals(Kind.NOT_CONVERGED, failure.orElseThrow().kind());
            String why = failure.get().getMessage();
            assertTrue(why.contains(" MiB are left to send, in round "), why);
            guest.verify();
            // Without the limit it does.
            guest.move(PATIENT);
            guest.verify();
        }
    }

    @Test
    void aBudgetBelowTheFixedPartIsNotTriedForEver() throws Exception {
        try (Wanderer guest = boot(MachineConfig.of(16 << 20).withCommandLine("ws=1m idle=1"))) {
            // What a machine's state takes is known after the first.
            guest.move(PATIENT);
            SwitchoverCost.restored(8_000_000_000L);
            assertTooLittle(guest, Duration.ofMillis(1));
            assertTooLittle(guest, Duration.ofSeconds(1));
            // The pretended seconds do not stick: it is tried again, and they are forgotten by halves.
            int refused = 0;
            while (guest.attempt(guest.prepare(host.address(), PRECOPY.withDowntime(Duration.ofSeconds(1))))
                    .isPresent()) {
                refused++;
                assertTrue(refused < 10, "one slow time sticks");
            }
            for (int i = 0; i < 20; i++) {
                SwitchoverCost.restored(1_000_000);
            }
            guest.move(PATIENT);
        }
    }

    private void assertTooLittle(Wanderer guest, Duration budget) {
        MigrationException refused = guest.attempt(guest.prepare(host.address(), PRECOPY.withDowntime(budget)))
                .orElseThrow();
        assertEquals(Kind.NOT_CONVERGED, refused.kind());
        assertTrue(refused.getMessage().contains("alone"), refused.getMessage());
    }

    @Test
    void theBandwidthIsHeld() throws Exception {
        MachineConfig config = MachineConfig.of(48 << 20).withCommandLine("ws=1m cold=all idle=1 sweep=0");
        try (Wanderer guest = boot(config)) {
            MigrationReport report = guest.move(PATIENT.withBandwidth(40_000_000));
            double rate = report.wireBytes() * 1e6 / report.totalMicros();
            // Never faster, and not much slower even on a busy machine: the burst allows 20 ms more.
            assertTrue(rate < 42_000_000, report.toString());
            assertTrue(rate > 10_000_000, report.toString());
        }
    }
}
