package dev.godwit.agent.metrics;

import dev.godwit.agent.migration.MigrationReport;
import io.prometheus.metrics.core.metrics.Counter;
import io.prometheus.metrics.core.metrics.GaugeWithCallback;
import io.prometheus.metrics.core.metrics.Histogram;
import io.prometheus.metrics.expositionformats.PrometheusTextFormatWriter;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Map;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/** What one agent counts, in Prometheus' terms. Thread-safe. */
public final class AgentMetrics {
    /** What {@link #write} writes. */
    public static final String CONTENT_TYPE = PrometheusTextFormatWriter.CONTENT_TYPE;

    private static final double[] START_BOUNDS = {0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1};
    private static final double[] DOWNTIME_BOUNDS = {0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5};
    private static final double[] TOTAL_BOUNDS = {0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800};

    private final PrometheusRegistry registry = new PrometheusRegistry();
    private final Histogram startTime = Histogram.builder()
            .name("godwit_guest_start_seconds")
            .help("Time to build and start a guest")
            .classicOnly()
            .classicUpperBounds(START_BOUNDS)
            .register(registry);
    private final Counter arrivals = Counter.builder()
            .name("godwit_guest_arrivals_total")
            .help("Guests that came from other agents")
            .register(registry);
    private final Counter migrations = Counter.builder()
            .name("godwit_migrations_total")
            .help("Migrations to other agents that are over")
            .labelNames("outcome")
            .register(registry);
    private final Counter sent = Counter.builder()
            .name("godwit_migration_sent_bytes_total")
            .help("Guest memory sent to other agents")
            .register(registry);
    private final Histogram total = Histogram.builder()
            .name("godwit_migration_seconds")
            .help("Time of completed migrations")
            .classicOnly()
            .classicUpperBounds(TOTAL_BOUNDS)
            .register(registry);
    private final Histogram downtime = Histogram.builder()
            .name("godwit_migration_downtime_seconds")
            .help("Guest's pause in completed migrations")
            .classicOnly()
            .classicUpperBounds(DOWNTIME_BOUNDS)
            .register(registry);

    /** A gauge that is asked for when somebody reads the metrics. */
    public void gauge(String name, String help, LongSupplier value) {
        GaugeWithCallback.builder()
                .name(name)
                .help(help)
                .callback(c -> c.call((double) value.getAsLong()))
                .register(registry);
    }

    /** A gauge with one label. */
    public void gauge(String name, String help, String label, Supplier<Map<String, Long>> values) {
        GaugeWithCallback.builder()
                .name(name)
                .help(help)
                .labelNames(label)
                .callback(c -> values.get().forEach((key, value) -> c.call(value, key)))
                .register(registry);
    }

    /** A guest was built and started. */
    public void started(long nanos) {
        startTime.observe(nanos / 1e9);
    }

    /** A guest came from another agent. */
    public void arrived() {
        arrivals.inc();
    }

    /** A migration to another agent is over. */
    public void migrated(MigrationReport report) {
        migrations.labelValues(report.outcome()).inc();
        sent.inc(Math.max(0, report.sentBytes()));
        if (report.outcome().equals("completed")) {
            total.observe(report.totalMicros() / 1e6);
            downtime.observe(report.downtime().total() / 1e6);
        }
    }

    /** Writes all of them in Prometheus' text format. */
    public void write(OutputStream out) throws IOException {
        PrometheusTextFormatWriter.create().write(out, registry.scrape());
    }
}
