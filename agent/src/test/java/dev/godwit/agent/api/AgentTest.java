package dev.godwit.agent.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.godwit.agent.Eventually;
import dev.godwit.agent.ThreadFields;
import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.HostPort;
import dev.godwit.agent.stream.Bandwidth;
import dev.godwit.bindings.linux.ProcessCalls;
import dev.godwit.host.thread.Precedence;
import dev.godwit.host.thread.PromptThread;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The API over its Unix socket, with real guests. */
@Tag("kvm")
class AgentTest {
    private static final long MEMORY = 16 << 20;

    @TempDir
    Path directory;

    private Agent agent;
    private ApiClient client;

    @BeforeEach
    void start() {
        agent = TestAgent.start(directory.resolve("a"));
        client = new ApiClient(agent.socket());
    }

    @AfterEach
    void stop() {
        agent.close();
        assertFalse(Files.exists(agent.socket()), "the socket goes with the agent");
    }

    @Test
    void theSocketIsItsOwnersOnly() throws Exception {
        assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(agent.socket())));
    }

    /** A hundred busy guests would leave it no time for an answer otherwise. */
    @Test
    void itAnswersBeforeItsGuests() {
        client.start(TestAgent.request("web", "dirtier", MEMORY, "ws=1m"));
        // One that has just begun may not have asked for it yet.
        Set<Integer> control = Set.of(granted(Precedence.CONTROL));
        Eventually.await(() -> nice("api").equals(control), () -> "the API's threads have " + nice("api"));
        Set<Integer> guest = Set.of(granted(Precedence.GUEST));
        // Others rehearse.
        Eventually.await(() -> nice("vcpu-0").equals(guest), () -> "vCPUs have " + nice("vcpu-0"));
        client.snapshot("web", directory.resolve("web.snap"));
        Eventually.await(() -> nice("api").equals(control), () -> "who wrote a snapshot has " + nice("api"));
    }

    private static int granted(Precedence precedence) {
        CompletableFuture<Integer> nice = new CompletableFuture<>();
        PromptThread.of("asks", precedence, () -> nice.complete(ProcessCalls.threadNice()))
                .start();
        return nice.join();
    }

    /** Of this process's threads with such a name. */
    private static Set<Integer> nice(String name) {
        Set<Integer> found = new HashSet<>();
        try (DirectoryStream<Path> threads = Files.newDirectoryStream(Path.of("/proc/self/task"))) {
            for (Path thread : threads) {
                try {
                    if (Files.readString(thread.resolve("comm")).strip().equals(name)) {
                        found.add(ThreadFields.field(thread, ThreadFields.NICE));
                    }
                } catch (IOException e) {
                    // It has ended meanwhile.
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return found;
    }

    @Test
    void aGuestsWholeLife() {
        GuestView started = client.start(TestAgent.request("web", "dirtier", MEMORY, "ws=1m"));
        assertEquals("running", started.state());
        assertEquals(MEMORY, started.memoryBytes());
        TestAgent.awaitLog(client, "web", "READY ");
        assertTrue(client.guest("web").firstInstructionMicros() > 0);
        assertEquals("paused", client.pause("web").state());
        assertEquals("paused", client.pause("web").state());
        assertEquals("running", client.resume("web", false).state());
        assertEquals(1, client.input("web", new byte[] {'v'}));
        TestAgent.awaitLog(client, "web", "VERIFIED ");
        GuestView stopped = client.stop("web");
        assertEquals("stopped", stopped.state());
        assertEquals("stopped", stopped.reason());
        assertTrue(client.log("web", 0, Duration.ZERO).ended());
        assertConflict("guest web has ended (stopped)", () -> client.resume("web", false));
        assertConflict("guest web has ended (stopped)", () -> client.pause("web"));
        assertConflict("guest web has ended (stopped)", () -> client.input("web", new byte[1]));
        client.remove("web");
        assertNotFound("no guest is named 'web'", () -> client.guest("web"));
    }

    @Test
    void aGuestThatEndsKeepsItsLogAndItsReason() {
        client.start(TestAgent.request("h", "hello", MEMORY, "exit=5"));
        TestAgent.awaitLog(client, "h", "hello from godwit guest");
        // The log ends with the machine.
        LogChunk rest = client.log("h", 1000, Duration.ofSeconds(30));
        assertTrue(rest.ended());
        GuestView guest = client.guest("h");
        assertEquals("stopped", guest.state());
        assertEquals("exit", guest.reason());
        assertEquals(5, guest.exitValue());
        client.remove("h");
        assertEquals(0, client.guests(true).size());
    }

    @Test
    void aPausedStart() {
        StartRequest paused = new StartRequest("p", "hello", MEMORY, 1, "", "none", "ring", null, true);
        assertEquals("paused", client.start(paused).state());
        assertEquals(0, client.log("p", 0, Duration.ZERO).bytes().length);
        client.resume("p", false);
        TestAgent.awaitLog(client, "p", "hello");
    }

    @Test
    void refusals() {
        client.start(TestAgent.request("web", "dirtier", MEMORY, "ws=1m"));
        assertConflict(
                "a guest is already named web", () -> client.start(TestAgent.request("web", "hello", MEMORY, "")));
        assertBadInput(
                "image 'nope' is neither a file here nor one that comes with Godwit: hello, dirtier, zero, hostile,"
                        + " blk",
                () -> client.start(TestAgent.request("x", "nope", MEMORY, "")));
        assertBadInput(
                "image /nope/x does not exist", () -> client.start(TestAgent.request("x", "/nope/x", MEMORY, "")));
        assertBadInput(
                "memory is a multiple of 4 KiB, not 4194305 bytes",
                () -> client.start(TestAgent.request("x", "hello", (4 << 20) + 1, "")));
        assertBadInput(
                "memory is 2 MiB to 1 TiB, not 4096 bytes",
                () -> client.start(TestAgent.request("x", "hello", 4096, "")));
        assertBadInput(
                "field 'largePages': 'big' is none of thp, hugetlb, none",
                () -> client.start(new StartRequest("x", "hello", MEMORY, 1, "", "big", null, null, null)));
        assertBadInput(
                "a guest has 1 to 64 vCPUs, not 65",
                () -> client.start(new StartRequest("x", "hello", MEMORY, 65, "", null, null, null, null)));
        assertNotFound("no guest is named 'x'", () -> client.guest("x"));
        assertNotFound("no migration has the id '7'", () -> client.migration("7", Duration.ZERO));
        assertNotFound("no migration has the id 'x'", () -> client.migration("x", Duration.ZERO));
        assertEquals(1, client.guests(false).size());
    }

    @Test
    void hostileRequests() throws Exception {
        assertStatus(404, "not-found", send("GET", "/v1/nothing", ""));
        assertStatus(404, "not-found", send("GET", "/", ""));
        assertStatus(405, "bad-input", send("PUT", "/v1/guests", ""));
        assertStatus(400, "bad-input", send("POST", "/v1/guests", ""));
        assertStatus(400, "bad-input", send("POST", "/v1/guests", "{\"name\":\"a\",\"image\":\"hello\",\"x\":1}"));
        assertStatus(400, "bad-input", send("POST", "/v1/guests", "{\"name\":\"../a\",\"image\":\"hello\"}"));
        assertStatus(400, "bad-input", send("POST", "/v1/guests", "[".repeat(1000)));
        assertStatus(400, "bad-input", send("GET", "/v1/guests?all=maybe", ""));
        assertStatus(413, "bad-input", send("POST", "/v1/guests", " ".repeat((1 << 20) + 1)));
        assertStatus(400, "bad-input", send("GET", "/v1/guests/%zz", ""));
        assertStatus(400, "bad-input", send("GET", "/v1/guests/%2e%2e", ""));
        assertStatus(400, "bad-input", send("GET", "/v1/guests/a%2fb", ""));
        assertStatus(414, "bad-input", send("GET", "/v1/host?" + "x".repeat(20_000), ""));
        assertStatus(400, "bad-input", send("NONSENSE\0", "/v1/host", ""));
        client.start(TestAgent.request("web", "dirtier", MEMORY, "ws=1m"));
        assertStatus(400, "bad-input", send("GET", "/v1/guests/web/log?from=-1", ""));
        assertStatus(400, "bad-input", send("GET", "/v1/guests/web/log?wait=9999999", ""));
        assertStatus(400, "bad-input", send("GET", "/v1/guests/web/log?from=x", ""));
        assertStatus(400, "bad-input", send("POST", "/v1/guests/web/snapshot", "{\"file\":\"relative\"}"));
        assertStatus(400, "bad-input", send("POST", "/v1/guests/web/migrations", "{\"target\":\"192.0.2.1:1\"}"));
        assertStatus(
                400,
                "bad-input",
                send("POST", "/v1/guests/web/migrations", "{\"target\":\"localhost:1\",\"streams\":17}"));
        assertEquals("running", client.guest("web").state());
    }

    @Test
    void aPollIsAnsweredWhenThereIsSomething() throws Exception {
        client.start(TestAgent.request("web", "dirtier", MEMORY, "ws=1m"));
        long end = TestAgent.awaitLog(client, "web", "READY ").length();
        while (client.log("web", end, Duration.ZERO).bytes().length > 0) {
            end = client.log("web", end, Duration.ZERO).next();
        }
        long from = end;
        Thread poll = Thread.ofPlatform().start(() -> client.log("web", from, Duration.ofSeconds(60)));
        client.input("web", new byte[] {'z'});
        assertTrue(poll.join(Duration.ofSeconds(30)), "the poll is answered long before its time is up");
    }

    @Test
    void describesItself() {
        HostView host = client.host();
        assertEquals(HostPort.text(agent.address()), host.listen());
        assertEquals(directory.resolve("a").toString(), host.directory());
        assertEquals(0, host.bandwidth());
        assertTrue(host.memoryBytes() > 0 && host.cpus() > 0 && host.pid() > 0);
        assertTrue(text(send("GET", "/v1/openapi.yaml", "")).startsWith("openapi: 3.1.0\n"));
        client.start(TestAgent.request("web", "dirtier", MEMORY, "ws=1m"));
        String metrics = text(send("GET", "/metrics", ""));
        assertTrue(metrics.contains("godwit_guests{state=\"running\"} 1.0\n"), metrics);
        assertTrue(metrics.contains("godwit_guest_memory_bytes " + (double) MEMORY), metrics);
        assertTrue(metrics.contains("godwit_guest_start_seconds_count 1\n"), metrics);
    }

    @Test
    void aSnapshotGoesOnUnderAnotherName() {
        client.start(TestAgent.request("web", "dirtier", MEMORY, "ws=1m cold=4m"));
        TestAgent.awaitLog(client, "web", "READY ");
        Path file = directory.resolve("web.snap");
        client.snapshot("web", file);
        assertBadInput("snapshot " + file + " exists already", () -> client.snapshot("web", file));
        assertConflict("a guest is already named web", () -> client.restore("web", file, false));
        assertEquals("paused", client.restore("web2", file, true).state());
        client.resume("web2", false);
        client.input("web2", new byte[] {'q'});
        TestAgent.awaitLog(client, "web2", "VERIFIED ");
        assertEquals("running", client.guest("web").state());
        assertBadInput(
                "snapshot " + directory.resolve("none") + " does not exist",
                () -> client.restore("x", directory.resolve("none"), false));
        assertNotFound("no guest is named 'x'", () -> client.guest("x"));
    }

    @Test
    void saysHowMuchMemoryIsReady() {
        long bytes = 16 << 20;
        assertEquals(0, client.host().readyBytes());
        assertTrue(text(send("GET", "/metrics", "")).contains("\ngodwit_ready_bytes 0.0\n"));
        agent.close();
        agent = Agent.start(
                directory.resolve("a"),
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                TestAgent.secret(),
                Bandwidth.unlimited(),
                bytes);
        long deadline = System.nanoTime() + 30_000_000_000L;
        while (client.host().readyBytes() < bytes) {
            assertTrue(System.nanoTime() < deadline, "this host gives no large pages");
            LockSupport.parkNanos(10_000_000);
        }
        String metrics = text(send("GET", "/metrics", ""));
        assertTrue(metrics.contains("\ngodwit_ready_bytes " + (double) bytes + "\n"), metrics);
    }

    private UnixHttp.Answer send(String method, String path, String body) {
        return new UnixHttp(agent.socket())
                .send(method, path, Reply.JSON, body.getBytes(StandardCharsets.UTF_8), Duration.ofSeconds(30));
    }

    private static String text(UnixHttp.Answer answer) {
        return new String(answer.body(), StandardCharsets.UTF_8);
    }

    private static void assertStatus(int status, String kind, UnixHttp.Answer answer) throws Exception {
        assertEquals(status, answer.status(), () -> text(answer));
        JsonNode error = new ObjectMapper().readTree(answer.body());
        assertEquals(kind, error.path("kind").asText());
        assertFalse(error.path("error").asText().isEmpty());
        assertFalse(error.path("error").asText().contains("\n"));
    }

    private static void assertBadInput(String message, Runnable call) {
        assertFailure(Failure.Kind.BAD_INPUT, message, call);
    }

    private static void assertConflict(String message, Runnable call) {
        assertFailure(Failure.Kind.CONFLICT, message, call);
    }

    private static void assertNotFound(String message, Runnable call) {
        assertFailure(Failure.Kind.NOT_FOUND, message, call);
    }

    private static void assertFailure(Failure.Kind kind, String message, Runnable call) {
        Failure e = assertThrows(Failure.class, call::run);
        assertEquals(message, e.getMessage());
        assertEquals(kind, e.kind());
    }
}
