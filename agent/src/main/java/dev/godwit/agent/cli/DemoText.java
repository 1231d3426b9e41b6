package dev.godwit.agent.cli;

import dev.godwit.agent.config.Durations;
import dev.godwit.agent.config.Sizes;
import dev.godwit.agent.migration.MigrationReport;
import java.io.PrintStream;
import java.util.List;
import java.util.Locale;

/** A demonstration's result for people. */
final class DemoText {
    private DemoText() {}

    static void print(DemoResult result, PrintStream out) {
        TextTable table =
                new TextTable("RUN", "TOTAL", "MiB/s", "ROUNDS", "RE-SENT", "DOWNTIME", "GUEST'S GAP", "2 MiB PAGES");
        int number = 1;
        for (DemoResult.Run run : result.runs()) {
            MigrationReport m = run.migration();
            table.row(
                    Integer.toString(number++),
                    Durations.human(m.totalMicros()),
                    String.format(Locale.ROOT, "%.0f", m.sentBytes() / 1048576.0 / (m.totalMicros() / 1e6)),
                    Integer.toString(m.rounds().size()),
                    String.format(Locale.ROOT, "%.2f×", m.resentFactor()),
                    Durations.human(m.downtime().total()),
                    Durations.human(run.guest().maxGapMicros()),
                    Sizes.human(m.largePagesBefore()) + " → " + Sizes.human(m.largePagesAfter()));
        }
        out.println();
        table.print(out);
        downtime(result.runs(), out);
        gaps(result, out);
        out.println();
        out.println(
                result.errors() == 0
                        ? "The guest checked " + result.pagesChecked()
                                + " pages at the end and all its writes before: none is wrong."
                        : "The guest found " + result.errors() + " wrong pages.");
    }

    private static void downtime(List<DemoResult.Run> runs, PrintStream out) {
        out.println();
        out.println("Downtime, median of " + runs.size() + ": "
                + part(runs, "", MigrationReport.Downtime::total) + " ="
                + part(runs, " pause ", MigrationReport.Downtime::pause)
                + part(runs, " + last pages ", MigrationReport.Downtime::lastPages)
                + part(runs, " + state ", MigrationReport.Downtime::state)
                + part(runs, " + handover ", MigrationReport.Downtime::handover)
                + part(runs, " + resume ", MigrationReport.Downtime::resume));
    }

    private static String part(
            List<DemoResult.Run> runs,
            String name,
            java.util.function.ToLongFunction<MigrationReport.Downtime> figure) {
        return name
                + Durations.human(DemoResult.median(
                        runs, r -> figure.applyAsLong(r.migration().downtime())));
    }

    private static void gaps(DemoResult result, PrintStream out) {
        GapHistogram histogram = new GapHistogram();
        result.runs().forEach(run -> histogram.add(run.guest()));
        out.println();
        out.println("What the guest saw: gaps in its own loop, by its time stamp counter, while it migrated");
        histogram.lines().forEach(out::println);
        out.println(
                "  p50 " + gap(histogram, 0.5) + ", p99 " + gap(histogram, 0.99) + ", p99.9 " + gap(histogram, 0.999)
                        + ", p99.999 " + gap(histogram, 0.99999)
                        + ", longest, median of " + result.runs().size() + ": "
                        + Durations.human(result.medianGuestGapMicros()));
    }

    private static String gap(GapHistogram histogram, double share) {
        long nanos = histogram.percentile(share);
        return nanos < 1000 ? "under 1 µs" : Durations.human(nanos / 1000);
    }
}
