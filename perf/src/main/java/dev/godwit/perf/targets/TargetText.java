package dev.godwit.perf.targets;

import dev.godwit.agent.config.Sizes;
import dev.godwit.perf.report.Figures;
import dev.godwit.perf.report.Table;
import java.io.PrintWriter;

/** The table of targets as text. */
public final class TargetText {
    private TargetText() {}

    public static void print(TargetResult result, PrintWriter out) {
        out.println("Date     " + result.date());
        out.println("Host     " + result.host());
        out.println("Command  " + result.command());
        if (result.memoryBytes() != TargetsScenario.MEMORY) {
            out.println("Guests of " + Sizes.human(result.memoryBytes()) + ": the targets are meant for "
                    + Sizes.human(TargetsScenario.MEMORY) + ".");
        }
        if (result.readyBytes() > 0) {
            out.println("Memory   " + Sizes.human(result.readyBytes())
                    + " ready at Godwit's target (--ready-memory), all of the guest's preallocated at QEMU's"
                    + " (but 'as it comes')");
        }
        out.println();
        Table table = new Table("row", "measure", "target", "measured", "p10..p90", "of", "compared by", "");
        for (TargetLine line : result.lines()) {
            table.row(
                    line.row(),
                    line.measure(),
                    line.limit() == null ? "" : line.limit().text(),
                    line.value() == null ? "-" : Figures.of(line.value()),
                    line.value() == null ? "" : Figures.of(line.low()) + ".." + Figures.of(line.high()),
                    line.value() == null ? "" : Integer.toString(line.count()),
                    line.by(),
                    line.verdict());
        }
        table.print(out);
        out.println();
        for (TargetLine line : result.lines()) {
            if (!line.note().isEmpty()) {
                out.println(line.row() + ", " + line.measure() + ": " + line.note());
            }
        }
        out.flush();
    }
}
