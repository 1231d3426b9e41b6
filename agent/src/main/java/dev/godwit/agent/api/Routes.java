package dev.godwit.agent.api;

import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.HostPort;
import dev.godwit.agent.inventory.Guest;
import dev.godwit.agent.inventory.HostMemory;
import dev.godwit.agent.inventory.Inventory;
import dev.godwit.agent.inventory.MigrationJob;
import dev.godwit.agent.inventory.Room;
import dev.godwit.agent.metrics.AgentMetrics;
import dev.godwit.host.device.SerialLog;
import dev.godwit.host.thread.Precedence;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** What each route does, in terms of the inventory. */
final class Routes {
    private static final long MAX_WAIT_MILLIS = 60_000;
    private static final int LOG_CHUNK = 256 * 1024;

    private final Inventory inventory;
    private final AgentMetrics metrics;
    private final AgentInfo info;

    Routes(Inventory inventory, AgentMetrics metrics, AgentInfo info) {
        this.inventory = inventory;
        this.metrics = metrics;
        this.info = info;
    }

    List<Route> all() {
        return List.of(
                new Route("GET", "/metrics", c -> metrics()),
                new Route("GET", "/v1/openapi.yaml", c -> openApi()),
                new Route("GET", "/v1/host", c -> Reply.ok(host())),
                new Route("GET", "/v1/guests", this::guests),
                new Route("POST", "/v1/guests", this::start),
                new Route("GET", "/v1/guests/{name}", c -> Reply.ok(GuestView.of(guest(c)))),
                new Route("DELETE", "/v1/guests/{name}", this::remove),
                new Route("POST", "/v1/guests/{name}/pause", this::pause),
                new Route("POST", "/v1/guests/{name}/resume", this::resume),
                new Route("POST", "/v1/guests/{name}/stop", this::stop),
                new Route("GET", "/v1/guests/{name}/log", this::log),
                new Route("POST", "/v1/guests/{name}/input", this::input),
                new Route("GET", "/v1/guests/{name}/heat", this::heat),
                new Route("POST", "/v1/guests/{name}/heat", this::track),
                new Route("POST", "/v1/guests/{name}/snapshot", this::snapshot),
                new Route("POST", "/v1/guests/{name}/restore", this::restore),
                new Route("POST", "/v1/guests/{name}/migrations", this::migrate),
                new Route("GET", "/v1/migrations", c -> migrations()),
                new Route("GET", "/v1/migrations/{id}", this::migration),
                new Route("DELETE", "/v1/migrations/{id}", this::cancel));
    }

    private Reply metrics() throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        metrics.write(out);
        return new Reply(200, AgentMetrics.CONTENT_TYPE, Map.of(), out.toByteArray());
    }

    private static Reply openApi() throws IOException {
        try (InputStream in = Routes.class.getResourceAsStream("openapi.yaml")) {
            return new Reply(200, "application/yaml", Map.of(), in.readAllBytes());
        }
    }

    private HostView host() {
        Room room = inventory.room();
        HostMemory memory = room.ofHost();
        return new HostView(
                info.version(),
                ProcessHandle.current().pid(),
                info.directory().toString(),
                HostPort.text(info.listen()),
                info.bandwidth(),
                memory.total(),
                memory.free(room.promised()),
                room.ready(),
                Runtime.getRuntime().availableProcessors(),
                inventory.guests().size(),
                info.rehearsed().getAsBoolean());
    }

    private Reply guests(Call call) {
        Stream<GuestView> here = inventory.guests().stream().map(GuestView::of);
        Stream<GuestView> gone =
                call.flag("all") ? inventory.departed().stream().map(GuestView::of) : Stream.empty();
        return Reply.ok(new GuestView.Page(Stream.concat(here, gone).toList()));
    }

    private Reply start(Call call) {
        StartRequest request = call.request(StartRequest.class);
        Guest guest = inventory.start(
                request.name(),
                request.image(),
                request.config(),
                request.remote(),
                Boolean.TRUE.equals(request.paused()));
        return Reply.created(GuestView.of(guest));
    }

    private Reply remove(Call call) {
        inventory.remove(call.name());
        return Reply.nothing();
    }

    private Reply pause(Call call) {
        guest(call).pause();
        return Reply.ok(GuestView.of(guest(call)));
    }

    private Reply resume(Call call) throws InterruptedException {
        boolean force = call.body().length > 0
                && Boolean.TRUE.equals(call.request(ResumeRequest.class).force());
        if (force) {
            guest(call).resumeByForce();
        } else {
            guest(call).resume();
        }
        return Reply.ok(GuestView.of(guest(call)));
    }

    private Reply stop(Call call) {
        guest(call).stop();
        return Reply.ok(GuestView.of(guest(call)));
    }

    private Reply log(Call call) throws InterruptedException {
        SerialLog log = guest(call).log();
        long from = call.number("from", 0, 0, Long.MAX_VALUE);
        long wait = call.number("wait", 0, 0, MAX_WAIT_MILLIS);
        if (wait > 0) {
            log.awaitMore(from, Duration.ofMillis(wait));
        }
        // Asked before the log is read: what comes in between is then not lost to a reader that stops at the end.
        boolean ended = log.ended();
        SerialLog.Chunk chunk = log.read(from, LOG_CHUNK);
        boolean all = chunk.next() == log.endOffset();
        return new Reply(200, Reply.BYTES, Map.of(), chunk.bytes())
                .with(Map.of(
                        LogChunk.FROM, Long.toString(chunk.offset()),
                        LogChunk.NEXT, Long.toString(chunk.next()),
                        LogChunk.ENDED, Boolean.toString(ended && all)));
    }

    private Reply input(Call call) {
        return Reply.ok(new InputView(guest(call).input(call.body(), 0)));
    }

    private Reply heat(Call call) {
        return Reply.ok(HeatView.of(guest(call), call.number("cells", HeatView.CELLS, 0, HeatView.MOST_CELLS)));
    }

    private Reply track(Call call) {
        call.request(HeatRequest.class).apply(guest(call));
        return Reply.ok(HeatView.of(guest(call), 0));
    }

    private Reply snapshot(Call call) {
        // It takes long, and guests need the processors, too.
        try (Precedence.Turn _ = Precedence.ORDINARY.during()) {
            return Reply.created(inventory.snapshot(
                    call.name(), call.request(SnapshotRequest.class).path()));
        }
    }

    private Reply restore(Call call) {
        RestoreRequest request = call.request(RestoreRequest.class);
        Guest guest = inventory.restore(call.name(), request.path(), Boolean.TRUE.equals(request.paused()));
        return Reply.created(GuestView.of(guest));
    }

    private Reply migrate(Call call) {
        MigrateRequest request = call.request(MigrateRequest.class);
        if (request.target() == null) {
            throw Failure.badInput("field 'target' is missing");
        }
        InetSocketAddress target = HostPort.parseTarget("target", request.target());
        MigrationJob job = inventory.migrations().start(guest(call), target, request.options());
        return Reply.accepted(MigrationView.of(job));
    }

    private Reply migrations() {
        return Reply.ok(new MigrationView.Page(
                inventory.migrations().all().stream().map(MigrationView::of).toList()));
    }

    private Reply migration(Call call) throws InterruptedException {
        MigrationJob job = inventory.migrations().migration(call.id());
        long wait = call.number("wait", 0, 0, MAX_WAIT_MILLIS);
        if (wait > 0) {
            job.await(wait);
        }
        return Reply.ok(MigrationView.of(job));
    }

    private Reply cancel(Call call) {
        MigrationJob job = inventory.migrations().migration(call.id());
        if (call.flag("force")) {
            job.cancelByForce();
        } else {
            job.cancel();
        }
        return Reply.accepted(MigrationView.of(job));
    }

    private Guest guest(Call call) {
        return inventory.guest(call.name());
    }
}
