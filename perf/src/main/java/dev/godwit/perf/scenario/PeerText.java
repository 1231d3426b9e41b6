package dev.godwit.perf.scenario;

import dev.godwit.agent.config.Durations;
import dev.godwit.perf.report.Distribution;
import dev.godwit.perf.report.Figures;
import dev.godwit.perf.report.Table;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** A comparison as text. */
public final class PeerText {
    private PeerText() {}

    /** All of it: medians, with the spread (p90 − p10 over the median) behind. */
    public static void print(PeerResult result, PrintWriter out) {
        out.println("Date     " + result.date());
        out.println("Host     " + result.host());
        out.println("Command  " + result.command());
        for (PeerResult.Contest contest : result.contests()) {
            out.println();
            out.println("Guest " + contest.title() + "; command line: " + contest.commandLine());
            print(contest, out);
        }
        out.println();
        out.println("Medians over the runs, and the spread in brackets. " + HOW);
        out.flush();
    }

    /** What the figures are, in a few words. */
    static final String HOW =
            "Gaps and dips are what the guest saw, by its own counter; total time and downtime are as reported, the"
                + " rest is seen from outside. Failed runs are in no median. Re-sent: pages sent over distinct pages;"
                + " QEMU sends every page, Godwit none that the guest never touched.";

    private static void print(PeerResult.Contest contest, PrintWriter out) {
        List<String> headings = new ArrayList<>(List.of("measure", "unit"));
        contest.entries().forEach(e -> headings.add(e.name()));
        List<PeerResult.Entry> judged =
                contest.entries().stream().filter(PeerResult.Entry::own).toList();
        judged.forEach(e -> headings.add(e.name() + " is"));
        Table table = new Table(headings.toArray(String[]::new));
        row(table, "version", "", contest, judged, PeerResult.Entry::version);
        row(table, "runs", "", contest, judged, e -> Integer.toString(e.trials().size()));
        row(table, "failures", "", contest, judged, e -> Integer.toString(e.failures()));
        for (Measure measure : Measure.values()) {
            if (contest.entries().stream().noneMatch(e -> e.of(measure).isPresent())) {
                continue;
            }
            List<String> cells = new ArrayList<>(List.of(measure.label(), measure.unit()));
            contest.entries().forEach(e -> cells.add(cell(e, measure)));
            judged.forEach(e ->
                    cells.add(Verdict.of(contest, e, measure).map(Verdict::text).orElse("")));
            table.row(cells.toArray(String[]::new));
        }
        table.print(out);
        contest.entries().forEach(e -> e.errors().forEach(error -> out.println("failed, " + e.name() + ": " + error)));
    }

    private static void row(
            Table table,
            String label,
            String unit,
            PeerResult.Contest contest,
            List<PeerResult.Entry> judged,
            Function<PeerResult.Entry, String> text) {
        List<String> cells = new ArrayList<>(List.of(label, unit));
        contest.entries().forEach(e -> cells.add(text.apply(e)));
        judged.forEach(e -> cells.add(""));
        table.row(cells.toArray(String[]::new));
    }

    static String cell(PeerResult.Entry entry, Measure measure) {
        return entry.of(measure).map(PeerText::cell).orElse("-");
    }

    private static String cell(Distribution d) {
        return Figures.of(d.median()) + (d.count() > 1 ? " (" + Figures.percent(d.spread()) + ")" : "");
    }

    /** A trial on one line. */
    static String line(Trial trial) {
        if (trial.error() != null) {
            return "FAILED: " + trial.error();
        }
        return Durations.human(micros(trial, Measure.TOTAL)) + ", the guest saw "
                + Durations.human(micros(trial, Measure.GUEST_GAP)) + " (before: "
                + Durations.human(micros(trial, Measure.NOISE)) + "), "
                + Figures.of(trial.figures().get(Measure.BYTES.key())) + " MiB";
    }

    private static long micros(Trial trial, Measure measure) {
        return Math.round(trial.figures().get(measure.key()) * 1e3);
    }
}
