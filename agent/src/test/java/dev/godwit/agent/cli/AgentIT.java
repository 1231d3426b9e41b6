package dev.godwit.agent.cli;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.Eventually;
import dev.godwit.agent.api.ApiClient;
import dev.godwit.agent.api.StartRequest;
import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.SecretFile;
import dev.godwit.images.DirtierReport;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Agents in processes of their own: what they leave behind, and what goes on across them. */
@Tag("kvm")
@Timeout(180)
class AgentIT {
    @TempDir
    Path directory;

    private List<String> options;

    @BeforeEach
    void makeSecret() {
        Path secret = directory.resolve("secret");
        SecretFile.readOrCreate(secret);
        options = List.of("--secret", secret.toString());
    }

    private AgentProcess start(String name, String listen) {
        return AgentProcess.start(directory.resolve(name), listen, options);
    }

    @Test
    void aKilledAgentsSocketIsTakenOver() throws Exception {
        Path socket;
        try (AgentProcess killed = start("a", "127.0.0.1:0")) {
            socket = killed.socket();
            killed.process().destroyForcibly().waitFor();
        }
        assertTrue(Files.exists(socket));
        Failure e = assertThrows(Failure.class, () -> new ApiClient(socket).host());
        assertEquals("no agent listens at " + socket + " any more; start it again", e.getMessage());
        try (AgentProcess next = start("a", "127.0.0.1:0")) {
            assertEquals(0, next.client().guests(true).size());
            try (Stream<Path> files = Files.list(directory.resolve("a"))) {
                assertEquals(
                        List.of("agent.lock", "agent.log", "api.sock"),
                        files.map(f -> f.getFileName().toString()).sorted().toList());
            }
        }
    }

    @Test
    void aPortInUseIsRefusedAndNothingIsLeft() throws IOException {
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            String address = "127.0.0.1:" + taken.getLocalPort();
            Failure e = assertThrows(Failure.class, () -> start("a", address));
            assertTrue(e.getMessage().contains(address), e.getMessage());
            assertFalse(Files.exists(directory.resolve("a/api.sock")));
        }
    }

    @Test
    void logsFollowsAGuestThroughItsMigration() throws Exception {
        try (AgentProcess a = start("a", "127.0.0.1:0");
                AgentProcess b = start("b", "127.0.0.1:0")) {
            a.client().start(request("web", "ws=1m"));
            ByteArrayOutputStream printed = new ByteArrayOutputStream();
            CompletableFuture<Run> follow =
                    CompletableFuture.supplyAsync(() -> on(a, printed, "logs", "web", "--follow"));
            MeasuringGuest guest = new MeasuringGuest("web", a.client());
            guest.awaitReady();
            // Not before somebody follows.
            Eventually.await(() -> printed.toString(US_ASCII).contains("READY "), () -> "nothing is printed");
            guest.zero();
            assertEquals(
                    0,
                    on(a, "migrate", "web", "--to", b.address(), "--downtime", "5s")
                            .status());
            Run followed = follow.get(60, TimeUnit.SECONDS);
            assertEquals(0, followed.status());
            assertTrue(followed.out().contains("ZEROED"), followed.out());
            guest.movedTo(b.client());
            DirtierReport report = guest.report();
            assertEquals(0, report.errors());
            String whole = on(b, "logs", "web").out();
            assertTrue(
                    whole.startsWith(followed.out()) && whole.contains("REPORT "), "the log goes on where it moved to");
        }
    }

    @Test
    void memoryIsMadeReadyByAnOption() {
        options = new ArrayList<>(options);
        options.add("--ready-memory=16m");
        try (AgentProcess a = start("a", "127.0.0.1:0")) {
            long deadline = System.nanoTime() + 30_000_000_000L;
            while (a.client().host().readyBytes() < 16 << 20) {
                assertTrue(System.nanoTime() < deadline, "this host gives no large pages");
                LockSupport.parkNanos(10_000_000);
            }
            assertEquals(16 << 20, a.client().host().readyBytes());
        }
    }

    private static StartRequest request(String name, String cmdline) {
        return new StartRequest(name, "dirtier", 16L << 20, 1, cmdline, null, null, null, null);
    }

    private static Run on(AgentProcess agent, String... args) {
        return on(agent, new ByteArrayOutputStream(), args);
    }

    private static Run on(AgentProcess agent, ByteArrayOutputStream out, String... args) {
        return Run.with(Map.of("GODWIT_AGENT", agent.socket().toString()), "", out, args);
    }
}
