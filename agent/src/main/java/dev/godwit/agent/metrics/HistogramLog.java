package dev.godwit.agent.metrics;

import dev.godwit.agent.migration.MigrationReport;
import java.io.OutputStream;
import java.time.Duration;
import java.time.Instant;
import org.HdrHistogram.Histogram;
import org.HdrHistogram.HistogramLogWriter;

/**
 * A migration's times as an HdrHistogram log (format 1.3, values in microseconds): the tags are {@code total},
 * {@code downtime}, {@code downtime-<part>} and {@code round}. Logs of many migrations can be summed by the usual tools.
 */
public final class HistogramLog {
    private static final int DIGITS = 3;

    private HistogramLog() {}

    /** Writes the log of one migration; does not close the stream. */
    public static void write(MigrationReport report, Instant startedAt, OutputStream out) {
        HistogramLogWriter writer = new HistogramLogWriter(out);
        long start = startedAt.toEpochMilli();
        long end = startedAt.plus(Duration.ofNanos(report.totalMicros() * 1000)).toEpochMilli();
        writer.outputComment("[migration of guest " + report.guest() + ", values in microseconds]");
        writer.outputLogFormatVersion();
        writer.outputStartTime(start);
        writer.outputLegend();
        MigrationReport.Downtime downtime = report.downtime();
        line(writer, start, end, "total", report.totalMicros());
        line(writer, start, end, "downtime", downtime.total());
        line(writer, start, end, "downtime-pause", downtime.pause());
        line(writer, start, end, "downtime-last-pages", downtime.lastPages());
        line(writer, start, end, "downtime-state", downtime.state());
        line(writer, start, end, "downtime-verify", downtime.verify());
        line(writer, start, end, "downtime-handover", downtime.handover());
        line(writer, start, end, "downtime-resume", downtime.resume());
        long[] rounds = report.rounds().stream()
                .mapToLong(MigrationReport.Round::micros)
                .toArray();
        line(writer, start, end, "round", rounds);
    }

    private static void line(HistogramLogWriter writer, long start, long end, String tag, long... micros) {
        Histogram histogram = new Histogram(DIGITS);
        histogram.setTag(tag);
        histogram.setStartTimeStamp(start);
        histogram.setEndTimeStamp(end);
        for (long value : micros) {
            histogram.recordValue(Math.max(0, value));
        }
        writer.outputIntervalHistogram(histogram);
    }
}
