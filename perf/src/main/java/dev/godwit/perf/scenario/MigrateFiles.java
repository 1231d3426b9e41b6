package dev.godwit.perf.scenario;

import dev.godwit.agent.api.Json;
import dev.godwit.images.DirtierReport;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.ToLongFunction;
import org.HdrHistogram.Histogram;
import org.HdrHistogram.HistogramLogWriter;

/**
 * Keeps a result: {@code result.json}, and {@code latency.hlog}, an HdrHistogram log in microseconds with the tags
 * {@code total}, {@code downtime} and {@code guest-longest-gap} (one value a migration) and {@code guest-gaps} (all gaps
 * the guest counted, by the least value of their bucket).
 */
public final class MigrateFiles {
    private static final int DIGITS = 3;

    private MigrateFiles() {}

    /** Writes both files into a directory, made if need be. */
    public static void write(MigrateResult result, Path directory) {
        try {
            Files.createDirectories(directory);
            Files.writeString(directory.resolve("result.json"), Json.pretty(result) + "\n");
            try (OutputStream out = Files.newOutputStream(directory.resolve("latency.hlog"))) {
                log(result, new HistogramLogWriter(out));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void log(MigrateResult result, HistogramLogWriter writer) {
        writer.outputComment(
                "[" + result.runs().size() + " migrations of guest " + result.guest() + ", values in microseconds]");
        writer.outputLogFormatVersion();
        writer.outputLegend();
        line(writer, "total", result.runs(), r -> r.migration().totalMicros());
        line(writer, "downtime", result.runs(), r -> r.migration().downtime().total());
        line(writer, "guest-longest-gap", result.runs(), r -> r.guest().maxGapMicros());
        Histogram gaps = histogram("guest-gaps");
        for (MigrateResult.Run run : result.runs()) {
            for (DirtierReport.Bucket bucket : run.guest().gaps()) {
                gaps.recordValueWithCount(bucket.lowestNanos() / 1000, bucket.count());
            }
        }
        writer.outputIntervalHistogram(gaps);
    }

    private static void line(
            HistogramLogWriter writer,
            String tag,
            List<MigrateResult.Run> runs,
            ToLongFunction<MigrateResult.Run> micros) {
        Histogram histogram = histogram(tag);
        runs.forEach(run -> histogram.recordValue(Math.max(0, micros.applyAsLong(run))));
        writer.outputIntervalHistogram(histogram);
    }

    private static Histogram histogram(String tag) {
        Histogram histogram = new Histogram(DIGITS);
        histogram.setTag(tag);
        return histogram;
    }
}
