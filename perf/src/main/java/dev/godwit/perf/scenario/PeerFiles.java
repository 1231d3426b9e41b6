package dev.godwit.perf.scenario;

import dev.godwit.agent.api.Json;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.HdrHistogram.Histogram;
import org.HdrHistogram.HistogramLogWriter;

/**
 * Keeps a comparison: {@code report.txt}, {@code report.html}, {@code result.json}; {@code latency.hlog}, an HdrHistogram
 * log in microseconds with a tag for each case, contestant and time ({@code idle-unlimited/qemu-single/total}); and
 * {@code CASE-CONTESTANT.hgrm}, the percentiles of all gaps the guest saw.
 */
public final class PeerFiles {
    private static final Measure[] TIMES = {Measure.TOTAL, Measure.GUEST_GAP, Measure.DOWNTIME, Measure.PAUSE};
    private static final int TICKS_PER_HALF = 5;

    private PeerFiles() {}

    /** Writes all of them into a directory, made if need be. */
    public static void write(PeerResult result, Path directory) {
        try {
            Files.createDirectories(directory);
            StringWriter text = new StringWriter();
            PeerText.print(result, new PrintWriter(text));
            Files.writeString(directory.resolve("report.txt"), text.toString());
            Files.writeString(directory.resolve("report.html"), PeerHtml.page(result));
            Files.writeString(directory.resolve("result.json"), Json.pretty(result) + "\n");
            try (OutputStream out = Files.newOutputStream(directory.resolve("latency.hlog"))) {
                log(result, new HistogramLogWriter(out));
            }
            for (PeerResult.Contest contest : result.contests()) {
                for (PeerResult.Entry entry : contest.entries()) {
                    percentiles(contest, entry, directory);
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void log(PeerResult result, HistogramLogWriter writer) {
        writer.outputComment("[" + result.command() + ", values in microseconds]");
        writer.outputLogFormatVersion();
        writer.outputLegend();
        for (PeerResult.Contest contest : result.contests()) {
            for (PeerResult.Entry entry : contest.entries()) {
                String prefix = contest.key() + "/" + fileName(entry) + "/";
                for (Measure measure : TIMES) {
                    writer.outputIntervalHistogram(times(entry, measure, prefix + measure.key()));
                }
                writer.outputIntervalHistogram(GuestGaps.of(entry.trials()).histogram(prefix + "guestGaps"));
            }
        }
    }

    private static Histogram times(PeerResult.Entry entry, Measure measure, String tag) {
        Histogram histogram = new Histogram(3);
        histogram.setTag(tag);
        for (Trial trial : entry.trials()) {
            Double millis = trial.figures().get(measure.key());
            if (millis != null) {
                histogram.recordValue(Math.max(0, Math.round(millis * 1e3)));
            }
        }
        return histogram;
    }

    private static void percentiles(PeerResult.Contest contest, PeerResult.Entry entry, Path directory)
            throws IOException {
        Path file = directory.resolve(contest.key() + "-" + fileName(entry) + ".hgrm");
        try (PrintStream out = new PrintStream(Files.newOutputStream(file), false, StandardCharsets.UTF_8)) {
            GuestGaps.of(entry.trials()).histogram("").outputPercentileDistribution(out, TICKS_PER_HALF, 1.0);
        }
    }

    private static String fileName(PeerResult.Entry entry) {
        return entry.name().replace(' ', '-');
    }
}
