package dev.godwit.agent.process;

import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.Eventually;
import dev.godwit.agent.api.GuestView;
import dev.godwit.agent.api.MigrateRequest;
import dev.godwit.agent.api.MigrationView;
import dev.godwit.agent.api.StartRequest;
import dev.godwit.agent.cli.AgentProcess;
import dev.godwit.agent.cli.MeasuringGuest;
import dev.godwit.agent.migration.Chance;
import java.io.IOException;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A guest, two agents and a memory host, each a process that may be killed. */
@Tag("kvm")
@Timeout(300)
class RemoteGuestIT {
    private static final String GUEST = "g";
    private static final long MEMORY = 96 * TwoAgents.MIB;
    private static final long LOCAL = 24 * TwoAgents.MIB;
    private static final int KILLS = 4;

    private TwoAgents agents;
    private MemoryHostProcess memoryHost;
    private String address = "127.0.0.1:0";

    @BeforeEach
    void open() throws IOException {
        agents = new TwoAgents();
        startMemoryHost();
    }

    @AfterEach
    void close() throws IOException {
        memoryHost.close();
        agents.close();
    }

    private void startMemoryHost() throws IOException {
        memoryHost = MemoryHostProcess.start(
                agents.directory().resolve("log"),
                List.of(
                        "--secret",
                        agents.directory().resolve("secret").toString(),
                        "--listen",
                        address,
                        "--size",
                        "1g",
                        "--dir",
                        agents.directory().resolve("pages").toString()));
        address = "127.0.0.1:" + memoryHost.address().getPort();
    }

    private MeasuringGuest start() {
        AgentProcess at = agents.a();
        StartRequest request = new StartRequest(
                GUEST, "dirtier", MEMORY, 1, "ws=8m cold=64m rate=2000 pattern=random", null, null, null, null);
        at.client().start(request.with(new StartRequest.MemoryHost(address, LOCAL)));
        MeasuringGuest guest = new MeasuringGuest(GUEST, at.client());
        guest.awaitReady();
        Eventually.await(() -> view(at).memoryHost().remotePages() > 40 * 256, () -> view(at).toString());
        return guest;
    }

    private static GuestView view(AgentProcess at) {
        return at.client().guest(GUEST);
    }

    private static MigrateRequest to(AgentProcess target, String mode) {
        return new MigrateRequest(target.address(), mode, TwoAgents.DOWNTIME_MILLIS, null, 2, false, null);
    }

    @Test
    void itGoesOnWhenItsMemoryHostWasKilledAndIsBack() throws Exception {
        Random random = Chance.random("itGoesOnWhenItsMemoryHostWasKilledAndIsBack");
        MeasuringGuest guest = start();
        for (int i = 0; i < KILLS; i++) {
            Thread killer = Thread.ofPlatform().start(() -> {
                LockSupport.parkNanos(random.nextLong(300_000_000));
                killAndRestart();
            });
            assertTrue(guest.verify() > 64 * 256);
            killer.join();
        }
        String moved =
                agents.a().client().migrate(GUEST, to(agents.b(), "hybrid")).id();
        MigrationView end = TwoAgents.awaitEnd(agents.a(), moved);
        assertNull(end.error(), end.toString());
        guest.movedTo(agents.b().client());
        killAndRestart();
        assertTrue(guest.verify() > 64 * 256);
    }

    private void killAndRestart() {
        try {
            memoryHost.end(Signal.KILL);
            startMemoryHost();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    /** Neither its user nor the end of its agent says where it runs: it runs on there, and has its pages. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void itRunsOnAtTheTargetWhenItIsStoppedInDoubt(boolean byUser) throws Exception {
        MeasuringGuest guest = start();
        try (DyingTunnel tunnel = new DyingTunnel(agents.b().address())) {
            agents.a()
                    .client()
                    .migrate(
                            GUEST,
                            new MigrateRequest(
                                    tunnel.address(), "precopy", TwoAgents.DOWNTIME_MILLIS, null, 1, false, null));
            Eventually.await(
                    () -> view(agents.a()).state().equals("in-doubt"),
                    () -> view(agents.a()).toString());
            guest.movedTo(agents.b().client());
            Eventually.await(
                    () -> view(agents.b()).state().equals("running"),
                    () -> view(agents.b()).toString());
            if (byUser) {
                agents.a().client().stop(GUEST);
                Eventually.await(
                        () -> view(agents.a()).state().equals("stopped"),
                        () -> view(agents.a()).toString());
            } else {
                Signal.TERM.send(agents.a().process());
                assertTrue(agents.a().process().waitFor(60, TimeUnit.SECONDS), "SIGTERM had no effect");
            }
            // By then whoever takes its pages, or deletes them, would have done so.
            LockSupport.parkNanos(2_000_000_000);
            assertTrue(guest.verify() > 64 * 256);
        }
    }

    /** Whenever that is: the guest goes on at its source with its pages, or had gone and was lost with its target. */
    @Test
    void itsTargetIsKilled() {
        Random random = Chance.random("itsTargetIsKilled");
        int stayed = 0;
        for (int i = 0; i < 2 * KILLS; i++) {
            MeasuringGuest guest = start();
            String moving = agents.a()
                    .client()
                    .migrate(GUEST, to(agents.b(), random.nextBoolean() ? "postcopy" : "precopy"))
                    .id();
            LockSupport.parkNanos(random.nextLong(250_000_000));
            agents.restart(agents.b());
            MigrationView end = TwoAgents.awaitEnd(agents.a(), moving);
            if (end.error() != null && !view(agents.a()).state().equals("stopped")) {
                assertTrue(guest.verify() > 64 * 256);
                stayed++;
                Eventually.await(
                        () -> view(agents.a()).memoryHost().awayMillis() == 0,
                        () -> view(agents.a()).toString());
            }
            if (end.error() != null) {
                agents.a().client().remove(GUEST);
            }
            System.out.println(end.error() == null ? "it had gone" : end.error());
        }
        assertTrue(stayed > 0, "it never stayed");
    }

    /** Its process lives and does nothing, nor does it end a connection: whoever waits for it is not told anything. */
    @Test
    void aMigrationIsCancelledWhileItsMemoryHostStandsStill() throws Exception {
        MeasuringGuest guest = start();
        for (String mode : List.of("precopy", "postcopy")) {
            memoryHost.send(Signal.STOP);
            CompletableFuture<Long> verified = CompletableFuture.supplyAsync(guest::verify);
            Eventually.await(
                    () -> view(agents.a()).state().equals("waiting"),
                    () -> view(agents.a()).toString());
            String moving =
                    agents.a().client().migrate(GUEST, to(agents.b(), mode)).id();
            LockSupport.parkNanos(1_000_000_000);
            long begin = System.nanoTime();
            agents.a().client().cancel(moving);
            MigrationView end = TwoAgents.awaitEnd(agents.a(), moving);
            // Nothing ends by its stall of ten seconds before nine more have passed.
            assertTrue(System.nanoTime() - begin < 8_000_000_000L, "cancelling took long");
            assertTrue(end.error() != null, end.toString());
            System.out.println(mode + ": " + end.error());
            memoryHost.send(Signal.CONT);
            assertTrue(verified.get(60, TimeUnit.SECONDS) > 64 * 256);
        }
        // Nothing is left of it that is in the way of another.
        String moved =
                agents.a().client().migrate(GUEST, to(agents.b(), "postcopy")).id();
        MigrationView end = TwoAgents.awaitEnd(agents.a(), moved);
        assertNull(end.error(), end.toString());
        guest.movedTo(agents.b().client());
        assertTrue(guest.verify() > 64 * 256);
    }
}
