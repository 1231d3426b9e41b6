package dev.godwit.agent.metrics;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.migration.MigrationReport;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.HdrHistogram.EncodableHistogram;
import org.HdrHistogram.Histogram;
import org.HdrHistogram.HistogramLogReader;
import org.junit.jupiter.api.Test;

class HistogramLogTest {
    @Test
    void isReadByTheUsualReader() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        HistogramLog.write(Reports.completed("web"), Instant.parse("2026-01-02T03:04:05.678Z"), out);
        HistogramLogReader reader = new HistogramLogReader(new ByteArrayInputStream(out.toByteArray()));
        Map<String, Histogram> byTag = new TreeMap<>();
        for (EncodableHistogram next = reader.nextIntervalHistogram();
                next != null;
                next = reader.nextIntervalHistogram()) {
            byTag.put(next.getTag(), (Histogram) next);
        }
        assertEquals(9, byTag.size(), byTag.keySet().toString());
        assertEquals(1, byTag.get("downtime").getTotalCount());
        assertTrue(byTag.get("downtime")
                .valuesAreEquivalent(31_000, byTag.get("downtime").getMaxValue()));
        assertEquals(2, byTag.get("round").getTotalCount());
    }

    @Test
    void countersFollowReports() throws Exception {
        AgentMetrics metrics = new AgentMetrics();
        metrics.migrated(Reports.completed("web"));
        metrics.migrated(Reports.failed("web"));
        metrics.gauge("godwit_test", "A gauge", () -> 7);
        metrics.gauge("godwit_test_by", "Gauges", "kind", () -> Map.of("a", 1L, "b", 2L));
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        metrics.write(out);
        List<String> lines =
                out.toString(java.nio.charset.StandardCharsets.UTF_8).lines().toList();
        for (String line : List.of(
                "godwit_migrations_total{outcome=\"completed\"} 1.0",
                "godwit_migrations_total{outcome=\"failed\"} 1.0",
                "godwit_migration_downtime_seconds_count 1",
                "godwit_migration_downtime_seconds_bucket{le=\"0.05\"} 1",
                "godwit_migration_downtime_seconds_bucket{le=\"0.02\"} 0",
                "godwit_test 7.0",
                "godwit_test_by{kind=\"b\"} 2.0")) {
            assertTrue(lines.contains(line), () -> line + " is not in\n" + String.join("\n", lines));
        }
    }

    /** What migrations may have done. */
    private static final class Reports {
        static MigrationReport completed(String guest) {
            return report(guest, "completed", null);
        }

        static MigrationReport failed(String guest) {
            return report(guest, "failed", "the target is gone");
        }

        private static MigrationReport report(String guest, String outcome, String error) {
            return new MigrationReport(
                    guest,
                    "127.0.0.1:7000",
                    outcome,
                    error,
                    1 << 30,
                    2,
                    1_500_000,
                    new MigrationReport.Downtime(31_000, 1_000, 20_000, 5_000, 0, 3_000, 2_000),
                    "precopy",
                    null,
                    List.of(
                            new MigrationReport.Round(1, 100, 90, 10, 0, 1_000_000, 50),
                            new MigrationReport.Round(2, 50, 50, 0, 0, 400_000, 0)),
                    1000,
                    1100,
                    140,
                    10,
                    0,
                    0,
                    1.4,
                    0,
                    0,
                    null,
                    List.of(),
                    Map.of(),
                    null,
                    null);
        }
    }
}
