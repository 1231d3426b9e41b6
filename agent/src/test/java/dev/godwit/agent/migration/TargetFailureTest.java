package dev.godwit.agent.migration;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.migration.FakeTarget.Death;
import dev.godwit.agent.migration.MigrationException.Kind;
import dev.godwit.agent.transport.Secret;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.machine.MachineConfig;
import dev.godwit.images.GuestImage;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Targets that refuse, fail, lie or die: the guest goes on at its source, and a right target takes it afterwards. */
@Tag("kvm")
@Timeout(120)
class TargetFailureTest {
    private static final MachineConfig CONFIG = MachineConfig.of(16 << 20).withCommandLine("ws=2m cold=all rate=40000");
    private static final MigrationOptions OPTIONS = MigrationOptions.DEFAULT
            .withMode(MigrationMode.PRECOPY)
            .withVerify(true)
            .withDowntime(Duration.ofSeconds(5))
            .withStall(Duration.ofSeconds(2));

    private Kvm kvm;
    private Trouble host;
    private Wanderer guest;

    /** A host that does wrong when it is told to. */
    private static final class Trouble extends LoopbackHost {
        private volatile Throwable onAdmit;
        private volatile Throwable onAdopt;

        Trouble(Kvm kvm) throws Exception {
            super(kvm);
        }

        @Override
        void admitting(GuestDescription description) throws RefusedException {
            if (onAdmit instanceof RefusedException refused) {
                throw refused;
            }
            raise(onAdmit);
        }

        @Override
        void adopting(GuestDescription description) {
            raise(onAdopt);
        }

        private static void raise(Throwable what) {
            if (what instanceof Error e) {
                throw e;
            }
            if (what instanceof RuntimeException e) {
                throw e;
            }
        }
    }

    @BeforeEach
    void open() throws Exception {
        kvm = Kvm.open();
        host = new Trouble(kvm);
        guest = Wanderer.boot(kvm, host, GuestImage.DIRTIER, CONFIG);
    }

    @AfterEach
    void close() {
        guest.close();
        host.close();
        kvm.close();
    }

    /** It fails in one line, of this kind, and the guest still can go. */
    private MigrationException failsAt(InetSocketAddress target, Kind... kinds) throws Exception {
        Optional<MigrationException> failure = guest.attempt(guest.prepare(target, OPTIONS));
        assertTrue(List.of(kinds).contains(failure.orElseThrow().kind()), () -> failure.toString());
        String message = failure.orElseThrow().getMessage();
        assertFalse(message.contains("\n"), message);
        guest.verify();
        return failure.orElseThrow();
    }

    private static InetSocketAddress nobody() throws Exception {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return new InetSocketAddress(socket.getInetAddress(), socket.getLocalPort());
        }
    }

    @Test
    void nobodyListensOrTheHostIsUnknown() throws Exception {
        assertTrue(failsAt(nobody(), Kind.UNREACHABLE).getMessage().contains("refused"));
        InetSocketAddress unknown = InetSocketAddress.createUnresolved("no-such-host.invalid", 1);
        assertTrue(failsAt(unknown, Kind.UNREACHABLE).getMessage().contains("unknown host"));
        guest.move(OPTIONS);
    }

    @Test
    void theTargetHasAnotherSecret() throws Exception {
        try (MigrationServer other = new MigrationServer(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                new Secret("another secret, not the same".getBytes(US_ASCII)),
                host)) {
            other.start();
            failsAt(other.address(), Kind.UNAUTHENTICATED);
        }
        guest.move(OPTIONS);
    }

    @Test
    void theTargetSpeaksAnotherVersionOrAnotherProtocol() throws Exception {
        long magic = 0x314e495744474f47L;
        ByteBuffer refusal = ByteBuffer.allocate(80).order(ByteOrder.LITTLE_ENDIAN);
        refusal.putLong(magic).putShort((short) 0).putShort((short) 7).putInt(9);
        String message = failsAtServerThatSays(refusal.array(), Kind.REFUSED);
        assertTrue(message.contains("versions 7 to 9"), message);
        ByteBuffer chosen = ByteBuffer.allocate(80).order(ByteOrder.LITTLE_ENDIAN);
        chosen.putLong(magic).putShort((short) 9);
        failsAtServerThatSays(chosen.array(), Kind.PROTOCOL);
        failsAtServerThatSays(new byte[80], Kind.PROTOCOL);
        failsAtServerThatSays("HTTP/1.1 400 Bad Request\r\n\r\n".getBytes(US_ASCII), Kind.CONNECTION);
        failsAtServerThatSays(new byte[0], Kind.CONNECTION);
        guest.move(OPTIONS);
    }

    private String failsAtServerThatSays(byte[] words, Kind kind) throws Exception {
        try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            Thread thread = Thread.ofPlatform().daemon().start(() -> {
                try (Socket socket = server.accept()) {
                    socket.getInputStream().readNBytes(64);
                    socket.getOutputStream().write(words);
                    socket.shutdownOutput();
                    socket.getInputStream().readAllBytes();
                } catch (java.io.IOException e) {
                    throw new java.io.UncheckedIOException(e);
                }
            });
            MigrationException failure =
                    failsAt(new InetSocketAddress(server.getInetAddress(), server.getLocalPort()), kind);
            thread.join();
            return failure.getMessage();
        }
    }

    @Test
    void theTargetRefusesOrFailsToAdmit() throws Exception {
        host.onAdmit = new TargetHost.RefusedException("no room for it here");
        assertTrue(failsAt(host.address(), Kind.REFUSED).getMessage().endsWith("no room for it here"));
        host.onAdmit = new TargetHost.RefusedException(null);
        failsAt(host.address(), Kind.REFUSED);
        host.onAdmit = new IllegalStateException("a defect");
        assertTrue(failsAt(host.address(), Kind.REFUSED).getMessage().contains("a defect"));
        host.onAdmit = new OutOfMemoryError("none left");
        assertTrue(failsAt(host.address(), Kind.REFUSED).getMessage().contains("none left"));
        host.onAdmit = null;
        guest.move(OPTIONS);
        guest.verify();
    }

    @Test
    void theTargetFailsToAdopt() throws Exception {
        host.onAdopt = new IllegalStateException("a defect");
        assertTrue(failsAt(host.address(), Kind.REFUSED).getMessage().contains("a defect"));
        host.onAdopt = new OutOfMemoryError("none left");
        assertTrue(failsAt(host.address(), Kind.REFUSED).getMessage().contains("none left"));
        host.onAdopt = null;
        guest.move(OPTIONS);
        guest.verify();
        host.closeServer();
        assertEquals(2, host.abandoned.size());
    }

    @ParameterizedTest
    @EnumSource(Death.class)
    void theTargetDies(Death death) throws Exception {
        try (FakeTarget target = new FakeTarget(death, List.of())) {
            Kind kind = switch (death) {
                case WRONG_READY, UNKNOWN_TYPE, WRONG_ROUND -> Kind.PROTOCOL;
                case WRONG_HASHES -> Kind.VERIFY_FAILED;
                default -> Kind.CONNECTION;
            };
            // Its streams may or may not have been connected by then.
            failsAt(target.address(), kind, death == Death.AFTER_ACCEPT ? Kind.UNREACHABLE : kind);
        }
        guest.move(OPTIONS);
        guest.verify();
    }

    @Test
    void inDoubtTheTargetSaysThatItRuns() throws Exception {
        try (FakeTarget target =
                new FakeTarget(Death.AFTER_COMMIT, List.of(Outcome.UNKNOWN, Outcome.UNKNOWN, Outcome.RUNNING))) {
            MigrationReport report = guest.prepare(target.address(), OPTIONS).run();
            assertEquals("completed", report.outcome());
            assertEquals(Machine.State.STOPPED, guest.machine().state());
            assertTrue(report.phases().containsKey("in-doubt"), report.toString());
        }
    }

    @Test
    void inDoubtTheTargetSaysThatItDoesNotRun() throws Exception {
        try (FakeTarget target = new FakeTarget(Death.AFTER_COMMIT, List.of(Outcome.UNKNOWN, Outcome.NOT_RUNNING))) {
            failsAt(target.address(), Kind.CONNECTION);
        }
        guest.move(OPTIONS);
    }

    @Test
    void inDoubtTheGuestStandsStillUntilSomebodyDecides() throws Exception {
        try (FakeTarget target = new FakeTarget(Death.AFTER_COMMIT, List.of(Outcome.UNKNOWN))) {
            Migration migration = guest.prepare(target.address(), OPTIONS);
            // Before there is a doubt it decides nothing.
            migration.overruleDoubt();
            CompletableFuture<Optional<MigrationException>> ended = new CompletableFuture<>();
            Thread thread = Thread.ofPlatform().start(() -> {
                try {
                    ended.complete(guest.attempt(migration));
                } catch (Throwable e) {
                    ended.completeExceptionally(e);
                }
            });
            target.asked().await();
            assertEquals(MigrationPhase.IN_DOUBT, migration.progress().phase());
            assertEquals(Machine.State.PAUSED, guest.machine().state());
            migration.cancel();
            thread.interrupt();
            assertThrows(
                    java.util.concurrent.TimeoutException.class,
                    () -> ended.get(700, java.util.concurrent.TimeUnit.MILLISECONDS));
            assertEquals(Machine.State.PAUSED, guest.machine().state());
            migration.overruleDoubt();
            assertEquals(Kind.IN_DOUBT, ended.get().orElseThrow().kind());
            thread.join();
        }
        guest.verify();
        guest.move(OPTIONS);
    }

    /** The target's agent ends at some moment: whatever has been reached by then, one copy is left. */
    @Test
    void theTargetAgentEndsAtAnyMoment() throws Exception {
        var random = Chance.random("theTargetAgentEndsAtAnyMoment");
        int arrived = 0;
        int times = Chance.times(25);
        for (int i = 0; i < times; i++) {
            try (LoopbackHost next = new LoopbackHost(kvm)) {
                long nanos = random.nextLong(200_000_000);
                CountDownLatch started = new CountDownLatch(1);
                Thread closer = Thread.ofPlatform().start(() -> {
                    started.countDown();
                    java.util.concurrent.locks.LockSupport.parkNanos(nanos);
                    next.closeServer();
                });
                started.await();
                try {
                    guest.prepare(next.address(), OPTIONS).run();
                    arrived++;
                    closer.join();
                    assertEquals(1, next.arrived.size());
                    Machine there = next.arrived.get(Wanderer.NAME);
                    assertEquals(Machine.State.RUNNING, there.state());
                    assertTrue(GuestTalk.ask(there, 'v', "VERIFIED").endsWith(" errors=0"));
                    guest.close();
                    guest = Wanderer.boot(kvm, host, GuestImage.DIRTIER, CONFIG);
                } catch (MigrationException e) {
                    closer.join();
                    assertTrue(next.arrived.isEmpty(), e.getMessage());
                    assertEquals(Machine.State.RUNNING, guest.machine().state());
                    guest.verify();
                }
            }
        }
        System.out.println("theTargetAgentEndsAtAnyMoment: " + arrived + " of " + times + " arrived");
    }
}
