package dev.godwit.perf.peer;

import com.fasterxml.jackson.databind.JsonNode;
import dev.godwit.agent.config.Failure;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.Predicate;

/**
 * Migrates from one QEMU to another on this machine, over TCP on the loopback.
 *
 * <p>Source: QEMU's {@code docs/devel/migration} and {@code qapi/migration.json}.
 *
 * @param mode how
 * @param channels of multifd
 * @param bandwidth bytes a second, 0 for no limit
 * @param downtime the pause that precopy may plan for
 * @param maxTime after this it is cancelled
 * @param sampleEvery time between two looks at the source
 */
public record QemuMigration(
        QemuMode mode, int channels, long bandwidth, Duration downtime, Duration maxTime, Duration sampleEvery) {
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final String MIGRATION = "MIGRATION";

    /** A look at the source on the way. {@code info} is the answer to {@code query-migrate}. */
    public record Sample(long sinceStartNanos, JsonNode info) {}

    /**
     * What came of it.
     *
     * @param startNanos when the command was given
     * @param runningNanos when the target's guest runs, as seen here
     * @param endNanos when both sides had ended it, as seen here
     * @param pauseMicros from the source's event that its guest stops to the target's that it runs, by QEMU's clock
     * @param source {@code query-migrate} at the source
     * @param target {@code query-migrate} at the target
     */
    public record Outcome(
            long startNanos, long runningNanos, long endNanos, long pauseMicros, JsonNode source, JsonNode target) {}

    /**
     * Carries it out, and returns when all is across.
     *
     * @param samples told of each look at the source
     * @throws Failure when it fails, or takes longer than it may
     */
    public Outcome run(QemuProcess source, QemuProcess target, Consumer<Sample> samples) {
        prepare(source.qmp());
        prepare(target.qmp());
        target.qmp().execute("migrate-incoming", Map.of("uri", "tcp:127.0.0.1:0"));
        String port = target.qmp()
                .execute("query-migrate", Map.of())
                .path("socket-address")
                .path(0)
                .path("port")
                .asText();
        long start = System.nanoTime();
        source.qmp().execute("migrate", Map.of("uri", "tcp:127.0.0.1:" + port));
        boolean switched = false;
        while (true) {
            JsonNode info = source.qmp().execute("query-migrate", Map.of());
            samples.accept(new Sample(System.nanoTime() - start, info));
            String status = info.path("status").asText();
            if (status.equals("completed")) {
                break;
            }
            if (status.equals("failed") || status.equals("cancelled")) {
                throw Failure.failed("QEMU's migration " + status + ": "
                        + info.path("error-desc").asText("no reason given"));
            }
            if (mode.isPostcopy() && !switched && status.equals("active") && isTimeForPostcopy(info)) {
                switched = true;
                startPostcopy(source.qmp());
            }
            if (System.nanoTime() - start > maxTime.toNanos()) {
                source.qmp().execute("migrate_cancel", Map.of());
                throw Failure.failed("QEMU's migration was not over after " + maxTime.toSeconds() + " s");
            }
            source.qmp().pollEvent(QemuMigration::isOver, sampleEvery);
        }
        JsonNode stop = source.qmp().awaitEvent("STOP", named("STOP"), PATIENCE);
        JsonNode resume = target.qmp().awaitEvent("RESUME", named("RESUME"), PATIENCE);
        target.qmp().awaitEvent("MIGRATION completed", QemuMigration::isCompleted, PATIENCE);
        long end = System.nanoTime();
        long running = end - (System.currentTimeMillis() * 1000 - micros(resume)) * 1000;
        return new Outcome(
                start,
                Math.clamp(running, start, end),
                end,
                micros(resume) - micros(stop),
                summedUp(source.qmp()),
                target.qmp().execute("query-migrate", Map.of()));
    }

    /** QEMU says that it has completed a moment before it has worked out how long that took: until then it says 0. */
    private JsonNode summedUp(QmpClient qmp) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (true) {
            JsonNode info = qmp.execute("query-migrate", Map.of());
            if (info.path("total-time").asLong() > 0) {
                return info;
            }
            if (System.nanoTime() > deadline) {
                throw Failure.failed("QEMU does not say how long its migration took");
            }
            LockSupport.parkNanos(sampleEvery.toNanos());
        }
    }

    /** Both sides alike, and before the target listens: multifd is not negotiated. */
    private void prepare(QmpClient qmp) {
        List<Map<String, Object>> capabilities = new ArrayList<>();
        capabilities.add(capability("events"));
        if (mode == QemuMode.MULTIFD) {
            capabilities.add(capability("multifd"));
        }
        if (mode.isPostcopy()) {
            capabilities.add(capability("postcopy-ram"));
            capabilities.add(capability("postcopy-blocktime"));
        }
        qmp.execute("migrate-set-capabilities", Map.of("capabilities", capabilities));
        Map<String, Object> parameters = new LinkedHashMap<>();
        parameters.put("max-bandwidth", bandwidth);
        parameters.put("max-postcopy-bandwidth", bandwidth);
        parameters.put("downtime-limit", downtime.toMillis());
        if (mode == QemuMode.MULTIFD) {
            parameters.put("multifd-channels", channels);
        }
        qmp.execute("migrate-set-parameters", parameters);
    }

    private static Map<String, Object> capability(String name) {
        return Map.of("capability", name, "state", true);
    }

    private boolean isTimeForPostcopy(JsonNode info) {
        return mode == QemuMode.POSTCOPY_AT_ONCE
                || info.path("ram").path("dirty-sync-count").asLong() > 1;
    }

    private static void startPostcopy(QmpClient qmp) {
        try {
            qmp.execute("migrate-start-postcopy", Map.of());
        } catch (Failure e) {
            // Precopy was faster and is over: the status will say so.
        }
    }

    private static boolean isOver(JsonNode event) {
        return named(MIGRATION).test(event)
                && List.of("completed", "failed", "cancelled")
                        .contains(event.path("data").path("status").asText());
    }

    private static boolean isCompleted(JsonNode event) {
        return named(MIGRATION).test(event)
                && event.path("data").path("status").asText().equals("completed");
    }

    private static Predicate<JsonNode> named(String name) {
        return event -> event.path("event").asText().equals(name);
    }

    private static long micros(JsonNode event) {
        JsonNode time = event.path("timestamp");
        return time.path("seconds").asLong() * 1_000_000
                + time.path("microseconds").asLong();
    }
}
