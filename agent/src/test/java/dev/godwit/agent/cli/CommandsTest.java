package dev.godwit.agent.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.godwit.agent.api.Agent;
import dev.godwit.agent.api.ApiClient;
import dev.godwit.agent.config.HostPort;
import dev.godwit.agent.memoryhost.MemoryHost;
import dev.godwit.agent.transport.Secret;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands that talk to an agent, against agents in this process. */
@Tag("kvm")
class CommandsTest {
    @TempDir
    Path directory;

    private Agent a;
    private Agent b;

    @BeforeEach
    void start() {
        a = agent("a");
        b = agent("b");
    }

    private Agent agent(String name) {
        return Agent.start(
                directory.resolve(name),
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                new Secret(new byte[32]));
    }

    @AfterEach
    void stop() {
        a.close();
        b.close();
    }

    private static Run on(Agent agent, String... args) {
        return Run.with(Map.of("GODWIT_AGENT", agent.socket().toString()), "", args);
    }

    private static void assertSays(String out, Run run) {
        assertEquals("0 " + out + "\n", run.status() + " " + run.out() + run.err());
    }

    private static void assertFails(int status, String err, Run run) {
        assertEquals("godwit: " + err + "\n", run.err());
        assertEquals(status, run.status());
    }

    @Test
    void fromStartToStop() throws Exception {
        assertSays("NAME  STATE  MEMORY  CPUS  AGE  IMAGE", on(a, "ps"));
        assertSays(
                "guest web is running",
                on(a, "start", "web", "--image", "dirtier", "--memory", "16m", "--cmdline", "ws=1m"));
        assertFails(2, "a guest is already named web", on(a, "start", "web", "--image", "dirtier"));
        Run ps = on(a, "ps");
        assertTrue(
                ps.out().lines().toList().get(1).matches("web   running  16 MiB  1     [0-9]+ s  dirtier"), ps.out());
        assertSays("guest web is paused", on(a, "pause", "web"));
        assertSays("guest web is running", on(a, "resume", "web"));
        assertTrue(on(a, "show", "web").out().contains("state              running\n"));
        JsonNode guest =
                new ObjectMapper().readTree(on(a, "show", "web", "--json").out());
        assertEquals(16 << 20, guest.get("memoryBytes").asLong());
        assertEquals(
                "dirtier",
                new ObjectMapper()
                        .readTree(on(a, "ps", "--json").out())
                        .get(0)
                        .get("image")
                        .asText());
        assertEquals(0, on(a, "input", "web", "q").status());
        String log = on(a, "logs", "web", "--follow").out();
        assertTrue(log.contains("VERIFIED pages=256 errors=0"), log);
        assertTrue(on(a, "show", "web").out().contains("stopped (exit 0)"));
        assertSays("guest web is stopped", on(a, "stop", "web"));
        assertFails(2, "no guest is named 'web'", on(a, "stop", "web"));
        assertFails(2, "no guest is named 'web'", on(a, "logs", "web", "--follow"));
    }

    @Test
    void theColdestPagesOfAGuestWithAMemoryHostAreKnown() throws Exception {
        try (MemoryHost host = MemoryHost.start(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                new Secret(new byte[32]),
                128 << 20,
                null,
                Duration.ZERO)) {
            for (String share : List.of("", "none", "10%")) {
                List<String> line = new ArrayList<>(List.of("start", "web", "--image", "dirtier", "--memory", "64m"));
                line.addAll(List.of(
                        "--memory-host", HostPort.text(host.address()), "--local", "16m", "--cmdline", "ws=1m"));
                line.addAll(share.isEmpty() ? List.of() : List.of("--access-tracking", share));
                assertSays("guest web is running", on(a, line.toArray(String[]::new)));
                JsonNode guest = new ObjectMapper()
                        .readTree(on(a, "show", "web", "--json").out());
                double tracked = guest.path("accessTracking").asDouble();
                assertEquals(share.isEmpty() ? 0.02 : share.equals("none") ? 0 : 0.1, tracked);
                assertSays("guest web is stopped", on(a, "stop", "web"));
            }
        }
    }

    @Test
    void stopCanKeep() {
        on(a, "start", "web", "--image", "dirtier", "--memory", "16m", "--paused");
        assertSays("guest web is stopped", on(a, "stop", "web", "--keep"));
        assertTrue(on(a, "ps").out().contains("stopped (stopped)"));
        assertFails(2, "guest web has ended (stopped)", on(a, "resume", "web"));
        assertSays("guest web is stopped", on(a, "stop", "web"));
    }

    @Test
    void thereAndBack() throws Exception {
        on(a, "start", "web", "--image", "dirtier", "--memory", "32m", "--cmdline", "ws=1m cold=all");
        on(a, "input", "web", "v");
        Run there = on(a, "migrate", "web", "--to", HostPort.text(b.address()), "--verify", "--downtime", "1s");
        assertEquals("", there.err());
        assertEquals(0, there.status());
        for (String part : new String[] {
            "guest web is at " + HostPort.text(b.address()) + " now",
            "\n  total        ",
            "\n  downtime     ",
            "\n  memory       32 MiB: ",
            "\n  2 MiB pages  ",
            "\n  verified     all of memory is the same on both sides",
            "\n  kept in      " + directory.resolve("a/migrations")
        }) {
            assertTrue(there.out().contains(part), () -> part + " is not in " + there.out());
        }
        assertFails(2, "guest web migrated to " + HostPort.text(b.address()), on(a, "show", "web"));
        assertTrue(on(a, "ps", "--all").out().contains("migrated to " + HostPort.text(b.address())));
        Run back = on(b, "migrate", "web", "--to", HostPort.text(a.address()), "--json", "--downtime", "1s");
        JsonNode report = new ObjectMapper().readTree(back.out());
        assertEquals("completed", report.get("outcome").asText());
        assertTrue(report.get("downtime").get("total").asLong() > 0);
        assertEquals(
                "running",
                new ObjectMapper()
                        .readTree(on(a, "show", "web", "--json").out())
                        .get("state")
                        .asText());
    }

    @Test
    void aFailedMigrationIsOne() throws Exception {
        on(a, "start", "web", "--image", "dirtier", "--memory", "16m", "--cmdline", "ws=1m");
        on(b, "start", "web", "--image", "dirtier", "--memory", "16m", "--cmdline", "ws=1m");
        Run run = on(a, "migrate", "web", "--to", HostPort.text(b.address()));
        assertEquals(1, run.status());
        assertTrue(run.err().startsWith("godwit: guest web is not migrated: "), run.err());
        assertTrue(run.err().contains("a guest is already named web"), run.err());
        Run json = on(a, "migrate", "web", "--to", HostPort.text(b.address()), "--json");
        assertEquals(1, json.status());
        assertEquals(
                "failed", new ObjectMapper().readTree(json.out()).get("outcome").asText());
        assertFails(2, "no guest is named 'x'", on(a, "migrate", "x", "--to", HostPort.text(b.address())));
        assertFails(
                2,
                "a migration has 1 to 16 streams, not 17",
                on(a, "migrate", "web", "--to", HostPort.text(b.address()), "--streams", "17"));
        assertFails(
                2,
                "the stall time is 100ms to 1h, not 50ms",
                on(a, "migrate", "web", "--to", HostPort.text(b.address()), "--stall", "50ms"));
    }

    /** The guest runs at b, and its memory follows slowly. */
    @Test
    void aGuestWhoseMemoryIsElsewhereSaysSo() throws Exception {
        on(a, "start", "web", "--image", "dirtier", "--memory", "32m", "--cmdline", "ws=1m cold=all rate=100");
        on(a, "input", "web", "v");
        String to = HostPort.text(b.address());
        Thread migration = Thread.ofPlatform()
                .start(() -> on(a, "migrate", "web", "--to", to, "--mode", "postcopy", "--bandwidth", "4m"));
        while (!on(b, "ps").out().contains("running, ")) {
            assertTrue(migration.isAlive(), "it never was elsewhere");
        }
        String row = on(b, "ps").out().lines().toList().get(1);
        assertTrue(row.matches("web   running, [0-9.]+ MiB elsewhere  32 MiB  1 .*"), row);
        String shown = on(b, "show", "web").out();
        assertTrue(shown.matches("(?s).*state +running, [0-9.]+ MiB elsewhere\n.*"), shown);
        long bytes = new ObjectMapper()
                .readTree(on(b, "show", "web", "--json").out())
                .get("memoryElsewhereBytes")
                .asLong();
        assertTrue(bytes > 0 && bytes < 32 << 20, bytes + " bytes");
        migration.join();
        assertTrue(
                on(b, "ps").out().contains("web   running  32 MiB"), on(b, "ps").out());
        assertFalse(on(b, "show", "web", "--json").out().contains("Elsewhere"));
    }

    @Test
    void withoutReservedLargePagesItIsSaidHowToReserveThem() {
        Run run = on(a, "start", "big", "--image", "dirtier", "--memory", "1t", "--large-pages", "hugetlb");
        assertEquals(1, run.status());
        assertTrue(
                run.err()
                        .startsWith("godwit: a guest of 1 TiB needs 524288 reserved large pages, and so many are not"
                                + " free; reserve them with: "),
                run.err());
    }

    /** Also by somebody who did not begin it. */
    @Test
    void aMigrationCanBeCancelled() throws Exception {
        on(a, "start", "web", "--image", "dirtier", "--memory", "32m", "--cmdline", "ws=1m cold=all");
        on(a, "input", "web", "v");
        assertFails(2, "guest web is not migrating", on(a, "cancel", "web"));
        String to = HostPort.text(b.address());
        CompletableFuture<Run> migration =
                CompletableFuture.supplyAsync(() -> on(a, "migrate", "web", "--to", to, "--bandwidth", "64k"));
        while (!on(a, "show", "web").out().contains("state              migrating")) {
            assertFalse(migration.isDone(), "it never migrated");
        }
        assertFails(
                2,
                "guest web is migrating to " + to + " and cannot be stopped; first: godwit cancel web",
                on(a, "stop", "web"));
        Run cancel = on(a, "cancel", "web");
        assertEquals("", cancel.err());
        assertTrue(cancel.out().startsWith("guest web is not migrated: "), cancel.out());
        assertEquals(1, migration.get().status());
        assertTrue(on(a, "show", "web").out().contains("state              running"));
        assertFails(
                2,
                "a limit of bandwidth is at least 64k a second, or 0 for none, not 1 byte",
                on(a, "migrate", "web", "--to", to, "--bandwidth", "1"));
    }

    @Test
    void itIsTooLateToCancelWhenTheGuestRunsThere() throws Exception {
        on(a, "start", "web", "--image", "dirtier", "--memory", "32m", "--cmdline", "ws=1m cold=all");
        on(a, "input", "web", "v");
        String to = HostPort.text(b.address());
        CompletableFuture<Run> migration = CompletableFuture.supplyAsync(
                () -> on(a, "migrate", "web", "--to", to, "--mode", "postcopy", "--bandwidth", "4m"));
        while (!on(b, "ps").out().contains("running, ")) {
            assertFalse(migration.isDone(), "it never was elsewhere");
        }
        Run cancel = on(a, "cancel", "web");
        assertEquals(4, cancel.status(), cancel.err());
        assertTrue(
                cancel.err()
                        .matches("godwit: too late: guest web runs at " + to + ", and [0-9.]+ MiB of its memory have"
                                + " still to follow it; if " + to + " is gone for good, so is the guest: godwit cancel"
                                + " web --force\n"),
                cancel.err());
        Run force = on(a, "cancel", "web", "--force");
        assertEquals(4, force.status(), force.err());
        assertTrue(
                force.err()
                        .matches("godwit: too late: guest web runs at " + to
                                + ", which is reached: [0-9.]+ MiB of its memory"
                                + " are still being fetched, and nothing is given up\n"),
                force.err());
        assertEquals(0, migration.get().status(), migration.get().err());
    }

    @Test
    void snapshotAndRestore() {
        on(a, "start", "web", "--image", "dirtier", "--memory", "16m", "--cmdline", "ws=1m");
        String file = directory.resolve("web.snap").toString();
        Run saved = on(a, "snapshot", "web", file);
        assertTrue(saved.out().startsWith("guest web is in " + file + ": "), saved.out() + saved.err());
        assertSays("guest web is paused", on(b, "restore", "web", file, "--paused"));
        assertSays("guest web2 is running", on(b, "restore", "web2", file, "--wait"));
        assertFails(2, "snapshot " + file + " exists already", on(a, "snapshot", "web", file));
        assertFails(2, "no guest is named 'x'", on(a, "snapshot", "x", file + "2"));
        Path nowhere = directory.resolve("none");
        assertFails(
                2,
                "snapshot " + nowhere + "/web.snap: there is no directory " + nowhere,
                on(a, "snapshot", "web", nowhere + "/web.snap"));
        assertFails(2, "snapshot " + file + "3 does not exist", on(a, "restore", "x", file + "3"));
    }

    /** It runs as soon as its state is right: who has to know that its memory is, too, waits. */
    @Test
    void aDamagedSnapshotIsSaidToWhoWaits() throws IOException {
        on(a, "start", "web", "--image", "dirtier", "--memory", "64m", "--cmdline", "ws=1m cold=32m");
        new MeasuringGuest("web", new ApiClient(a.socket())).awaitReady();
        Path file = directory.resolve("web.snap");
        on(a, "snapshot", "web", file.toString());
        assertSays("guest right is running", on(b, "restore", "right", file.toString(), "--wait"));
        assertNull(new ApiClient(b.socket()).guest("right").memoryElsewhereBytes());
        Run again = on(b, "snapshot", "right", directory + "/again.snap");
        assertEquals(0, again.status(), again.err());
        damage(file);
        Run waited = on(b, "restore", "wrong", file.toString(), "--wait");
        assertEquals(1, waited.status(), waited.out());
        assertEquals(
                "godwit: guest wrong ended before all of its memory was checked: snapshot " + file
                        + " is damaged: the checksum of 2 MiB chunk 4 is wrong\n",
                waited.err());
    }

    /** One bit of its memory, in the fifth chunk of 2 MiB. */
    private static void damage(Path file) throws IOException {
        try (RandomAccessFile bytes = new RandomAccessFile(file.toFile(), "rw")) {
            long at = 4096 + 4 * (2 << 20) + 12345;
            bytes.seek(at);
            int was = bytes.read();
            bytes.seek(at);
            bytes.write(was ^ 1);
        }
    }

    @Test
    void aGuestIsNotSentToWhereItIs() {
        on(a, "start", "web", "--image", "dirtier", "--memory", "16m", "--cmdline", "ws=1m");
        String here = HostPort.text(a.address());
        assertFails(
                1,
                "guest web is not migrated: " + here
                        + " refused: a guest is already named web, which is just migrating:"
                        + " is this the agent that it is on?",
                on(a, "migrate", "web", "--to", here));
        assertTrue(on(a, "show", "web").out().contains("state              running\n"));
    }

    @Test
    void anotherAgentInTheSamePlace() {
        Run run = Run.of("agent", "--dir", directory.resolve("a").toString(), "--listen", "127.0.0.1:0");
        assertFails(2, "another agent serves " + a.socket(), run);
        Run limit = Run.of(
                "agent", "--dir", directory.resolve("d").toString(), "--listen", "127.0.0.1:0", "--bandwidth", "fast");
        assertEquals(2, limit.status());
        assertTrue(limit.err().startsWith("godwit: --bandwidth: 'fast' is not a size; "), limit.err());
        Run port = Run.of("agent", "--dir", directory.resolve("c").toString(), "--listen", HostPort.text(b.address()));
        assertEquals(2, port.status());
        assertTrue(port.err().startsWith("godwit: --listen: "), port.err());
        assertTrue(port.err().contains(HostPort.text(b.address())), port.err());
        assertFalse(directory.resolve("c/api.sock").toFile().exists());
    }
}
