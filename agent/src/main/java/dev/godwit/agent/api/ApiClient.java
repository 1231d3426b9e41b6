package dev.godwit.agent.api;

import dev.godwit.agent.config.Failure;
import dev.godwit.agent.inventory.GuestNames;
import dev.godwit.agent.migration.SnapshotReport;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/**
 * The API from the other side: what the command line uses. Thread-safe; every call connects anew.
 *
 * <p>All methods throw {@link Failure} with the agent's own message and kind.
 */
public final class ApiClient {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    /** For what takes as long as the storage takes. */
    private static final Duration LONG_PATIENCE = Duration.ofHours(1);

    private static final byte[] NONE = {};

    private final UnixHttp http;

    /** A client of the agent behind that socket. */
    public ApiClient(Path socket) {
        this.http = new UnixHttp(socket);
    }

    public HostView host() {
        return get("/v1/host", HostView.class);
    }

    /** All guests; with {@code all} also those that went to other agents. */
    public List<GuestView> guests(boolean all) {
        return get("/v1/guests?all=" + all, GuestView.Page.class).guests();
    }

    public GuestView guest(String name) {
        return get(guestPath(name, ""), GuestView.class);
    }

    public GuestView start(StartRequest request) {
        return post("/v1/guests", request, GuestView.class);
    }

    /** Ends a guest and forgets it. */
    public void remove(String name) {
        send("DELETE", guestPath(name, ""), Reply.JSON, NONE, PATIENCE);
    }

    public GuestView pause(String name) {
        return post(guestPath(name, "/pause"), null, GuestView.class);
    }

    public GuestView resume(String name, boolean force) {
        return post(guestPath(name, "/resume"), new ResumeRequest(force), GuestView.class);
    }

    /** Ends a guest; its log stays. */
    public GuestView stop(String name) {
        return post(guestPath(name, "/stop"), null, GuestView.class);
    }

    /** A part of the serial log; waits up to {@code wait} (at most a minute) for the first byte. */
    public LogChunk log(String name, long from, Duration wait) {
        UnixHttp.Answer answer = send(
                "GET",
                guestPath(name, "/log?from=" + from + "&wait=" + wait.toMillis()),
                Reply.BYTES,
                NONE,
                PATIENCE.plus(wait));
        return new LogChunk(
                number(answer, LogChunk.FROM),
                number(answer, LogChunk.NEXT),
                Boolean.parseBoolean(header(answer, LogChunk.ENDED)),
                answer.body());
    }

    /** Types to the serial port; returns how many bytes it took. */
    public int input(String name, byte[] bytes) {
        UnixHttp.Answer answer = send("POST", guestPath(name, "/input"), Reply.BYTES, bytes, PATIENCE);
        return Json.readAnswer(answer.body(), InputView.class).accepted();
    }

    /** How hot a guest's memory is, in at most so many cells. */
    public HeatView heat(String name, int cells) {
        return get(guestPath(name, "/heat?cells=" + cells), HeatView.class);
    }

    /** Starts or ends access tracking. */
    public HeatView track(String name, HeatRequest request) {
        return post(guestPath(name, "/heat"), request, HeatView.class);
    }

    /** Writes a guest to a file that does not exist yet; the guest goes on. */
    public SnapshotReport snapshot(String name, Path file) {
        return post(
                guestPath(name, "/snapshot"),
                new SnapshotRequest(file.toString()),
                SnapshotReport.class,
                LONG_PATIENCE);
    }

    /** Builds a guest from a snapshot. */
    public GuestView restore(String name, Path file, boolean paused) {
        return post(
                guestPath(name, "/restore"),
                new RestoreRequest(file.toString(), paused),
                GuestView.class,
                LONG_PATIENCE);
    }

    /** Starts a migration. */
    public MigrationView migrate(String name, MigrateRequest request) {
        return post(guestPath(name, "/migrations"), request, MigrationView.class);
    }

    public List<MigrationView> migrations() {
        return get("/v1/migrations", MigrationView.Page.class).migrations();
    }

    /** A migration; waits up to {@code wait} (at most a minute) for its end. */
    public MigrationView migration(String id, Duration wait) {
        return Json.readAnswer(
                send(
                                "GET",
                                "/v1/migrations/" + escape(id) + "?wait=" + wait.toMillis(),
                                Reply.JSON,
                                NONE,
                                PATIENCE.plus(wait))
                        .body(),
                MigrationView.class);
    }

    /** Asks for a migration's end. */
    public MigrationView cancel(String id) {
        return cancel(id, false);
    }

    /** Asks for a migration's end; with {@code force} also of a guest at a target that is gone for good. */
    public MigrationView cancel(String id, boolean force) {
        return Json.readAnswer(
                send("DELETE", "/v1/migrations/" + escape(id) + "?force=" + force, Reply.JSON, NONE, PATIENCE)
                        .body(),
                MigrationView.class);
    }

    private static String guestPath(String name, String rest) {
        return "/v1/guests/" + escape(GuestNames.check(name)) + rest;
    }

    private static String escape(String segment) {
        return URLEncoder.encode(segment, StandardCharsets.UTF_8).replace("+", "%20");
    }

    private <T> T get(String path, Class<T> type) {
        return Json.readAnswer(send("GET", path, Reply.JSON, NONE, PATIENCE).body(), type);
    }

    private <T> T post(String path, Object body, Class<T> type) {
        return post(path, body, type, PATIENCE);
    }

    private <T> T post(String path, Object body, Class<T> type, Duration timeout) {
        byte[] bytes = body == null ? NONE : Json.write(body);
        return Json.readAnswer(send("POST", path, Reply.JSON, bytes, timeout).body(), type);
    }

    private UnixHttp.Answer send(String method, String path, String contentType, byte[] body, Duration timeout) {
        UnixHttp.Answer answer = http.send(method, path, contentType, body, timeout);
        if (answer.status() >= 300) {
            ErrorView error = Json.readAnswer(answer.body(), ErrorView.class);
            throw new Failure(Failure.Kind.of(error.kind()), error.error());
        }
        return answer;
    }

    private static long number(UnixHttp.Answer answer, String header) {
        try {
            return Long.parseLong(header(answer, header));
        } catch (NumberFormatException e) {
            throw Failure.failed("the agent's answer makes no sense: " + header + " is missing");
        }
    }

    private static String header(UnixHttp.Answer answer, String name) {
        return answer.headers().getOrDefault(name.toLowerCase(java.util.Locale.ROOT), "");
    }
}
