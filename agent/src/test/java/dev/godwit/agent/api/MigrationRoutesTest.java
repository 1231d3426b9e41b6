package dev.godwit.agent.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.HostPort;
import dev.godwit.agent.migration.MigrationReport;
import dev.godwit.agent.stream.Bandwidth;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Migrations as clients of two agents see them. */
@Tag("kvm")
class MigrationRoutesTest {
    private static final long MEMORY = 32 << 20;

    /** Long: it is not what is tested, and on a busy host the fixed part of a pause alone exceeds the default. */
    private static final long DOWNTIME_MILLIS = 5000;

    @TempDir
    Path directory;

    @Test
    void aGuestMovesAndLeavesAReport() {
        try (Agent a = TestAgent.start(directory.resolve("a"));
                Agent b = TestAgent.start(directory.resolve("b"))) {
            ApiClient from = new ApiClient(a.socket());
            ApiClient to = new ApiClient(b.socket());
            from.start(TestAgent.request("web", "dirtier", MEMORY, "ws=4m cold=all"));
            TestAgent.awaitLog(from, "web", "READY ");
            MigrationView done = migrate(from, "web", b.address(), true);
            assertEquals(null, done.error());
            MigrationReport report = done.report();
            assertEquals("completed", report.outcome());
            assertEquals(MEMORY, report.memoryBytes());
            assertNotNull(report.memoryHash());
            assertTrue(report.downtime().total() > 0);
            Path kept = Path.of(done.directory());
            assertTrue(kept.startsWith(directory.resolve("a/migrations")));
            assertTrue(Files.exists(kept.resolve("report.json")) && Files.exists(kept.resolve("latency.hlog")));

            Failure gone = assertThrows(Failure.class, () -> from.guest("web"));
            assertEquals("guest web migrated to " + HostPort.text(b.address()), gone.getMessage());
            assertEquals(0, from.guests(false).size());
            assertEquals("migrated", from.guests(true).getFirst().state());
            assertEquals("running", to.guest("web").state());
            to.input("web", new byte[] {'v'});
            String log = TestAgent.awaitLog(to, "web", "VERIFIED ");
            assertTrue(log.startsWith("READY "), "the log so far has moved, too");
        }
    }

    @Test
    void aGuestThatCannotMoveGoesOn() throws Exception {
        try (Agent a = TestAgent.start(directory.resolve("a"));
                Agent b = TestAgent.start(directory.resolve("b"))) {
            ApiClient from = new ApiClient(a.socket());
            ApiClient to = new ApiClient(b.socket());
            from.start(TestAgent.request("web", "dirtier", MEMORY, "ws=4m"));
            to.start(TestAgent.request("web", "hello", MEMORY, ""));
            MigrationView taken = migrate(from, "web", b.address(), false);
            assertEquals("refused", taken.errorKind());
            assertTrue(taken.error().contains("a guest is already named web"), taken.error());
            MigrationView nobody = migrate(from, "web", unused(), false);
            assertEquals("unreachable", nobody.errorKind());
            assertEquals("failed", nobody.report().outcome());
            assertEquals("running", from.guest("web").state());
            assertEquals(2, from.migrations().size());
        }
    }

    @Test
    void aCancelledMigrationLeavesTheGuestHere() {
        try (Agent a = TestAgent.start(directory.resolve("a"));
                Agent b = TestAgent.start(directory.resolve("b"))) {
            ApiClient from = new ApiClient(a.socket());
            from.start(TestAgent.request("web", "dirtier", MEMORY, "ws=4m cold=all"));
            TestAgent.awaitLog(from, "web", "READY ");
            // Slow enough to be still under way: 32 MiB at 1 MiB a second.
            MigrateRequest slow = new MigrateRequest(HostPort.text(b.address()), null, null, 1L << 20, 1, null, null);
            MigrationView started = from.migrate("web", slow);
            Failure busy = assertThrows(Failure.class, () -> from.pause("web"));
            assertEquals(
                    "guest web is migrating to " + started.target() + " and cannot be paused; first: godwit cancel web",
                    busy.getMessage());
            assertThrows(Failure.class, () -> from.remove("web"));
            assertEquals("migrating", from.guest("web").state());
            from.cancel(started.id());
            MigrationView done = await(from, started);
            assertEquals("cancelled", done.errorKind());
            assertEquals("running", from.guest("web").state());
            ApiClient to = new ApiClient(b.socket());
            for (int i = 0; i < 1000 && !to.guests(false).isEmpty(); i++) {
                LockSupport.parkNanos(10_000_000); // the target learns of it from the connection
            }
            assertEquals(List.of(), to.guests(false));
        }
    }

    /** Two at once, slowed down by the agent alone: 64 MiB at 32 MiB a second. */
    @Test
    void theMigrationsOfAnAgentShareItsBandwidth() {
        try (Agent a = Agent.start(
                        directory.resolve("a"),
                        new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                        TestAgent.secret(),
                        new Bandwidth(MEMORY),
                        0);
                Agent b = TestAgent.start(directory.resolve("b"))) {
            ApiClient from = new ApiClient(a.socket());
            assertEquals(MEMORY, from.host().bandwidth());
            List<MigrationView> under = new ArrayList<>();
            for (String name : List.of("one", "two")) {
                from.start(TestAgent.request(name, "dirtier", MEMORY, "ws=4k rate=1 cold=all"));
                TestAgent.awaitLog(from, name, "READY ");
            }
            long began = System.nanoTime();
            for (String name : List.of("one", "two")) {
                under.add(from.migrate(
                        name,
                        new MigrateRequest(
                                HostPort.text(b.address()), "precopy", DOWNTIME_MILLIS, null, null, null, null)));
            }
            long bytes = 0;
            for (MigrationView each : under) {
                MigrationView done = await(from, each);
                assertEquals(null, done.error());
                bytes += done.report().wireBytes();
            }
            double seconds = (System.nanoTime() - began) / 1e9;
            assertTrue(bytes > 2 * 0.8 * MEMORY, bytes + " bytes");
            assertTrue(bytes <= MEMORY * (seconds + 0.05), bytes + " bytes in " + seconds + " s");
        }
    }

    private static MigrationView migrate(ApiClient from, String name, InetSocketAddress to, boolean verify) {
        return await(
                from,
                from.migrate(
                        name, new MigrateRequest(HostPort.text(to), null, DOWNTIME_MILLIS, null, null, verify, null)));
    }

    private static MigrationView await(ApiClient client, MigrationView started) {
        MigrationView done = client.migration(started.id(), Duration.ofSeconds(60));
        assertTrue(done.done(), "it ends");
        return done;
    }

    private static InetSocketAddress unused() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return new InetSocketAddress(socket.getInetAddress(), socket.getLocalPort());
        }
    }
}
