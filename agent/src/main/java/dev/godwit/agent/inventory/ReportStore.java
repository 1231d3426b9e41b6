package dev.godwit.agent.inventory;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.godwit.agent.metrics.HistogramLog;
import dev.godwit.agent.migration.MigrationReport;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Locale;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps what migrations did: {@code DIR/<time>-<guest>/report.json}, and beside it {@code latency.hlog}, the same times
 * as an HdrHistogram log.
 */
public final class ReportStore {
    private static final Logger LOG = LoggerFactory.getLogger(ReportStore.class);
    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern(
                    "yyyyMMdd'T'HHmmss.SSSSSS'Z'", Locale.ROOT)
            .withZone(ZoneOffset.UTC);

    private static final String REPORT = "report.json";
    private static final String LATENCY = "latency.hlog";

    private final Path directory;
    private final ObjectMapper json =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    public ReportStore(Path directory) {
        this.directory = directory;
    }

    /**
     * Writes a report down. A disk that is full spoils no migration: that is only logged.
     *
     * @return its directory, or null when it could not be written
     */
    String keep(MigrationReport report, Instant startedAt) {
        Path place = directory.resolve(TIME.format(startedAt) + "-" + report.guest());
        try {
            Files.createDirectories(place);
            json.writeValue(place.resolve(REPORT).toFile(), report);
            try (OutputStream out = Files.newOutputStream(place.resolve(LATENCY))) {
                HistogramLog.write(report, startedAt, out);
            }
            return place.toString();
        } catch (IOException e) {
            LOG.warn("the report of guest {} is not kept: {}", report.guest(), e.toString());
            discard(place);
            return null;
        }
    }

    /** Half a report would be taken for one. */
    private static void discard(Path place) {
        try {
            for (String file : List.of(REPORT, LATENCY)) {
                Files.deleteIfExists(place.resolve(file));
            }
            Files.deleteIfExists(place);
        } catch (IOException e) {
            LOG.warn("{} is incomplete and cannot be removed: {}", place, e.toString());
        }
    }
}
