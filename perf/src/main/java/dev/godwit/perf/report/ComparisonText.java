package dev.godwit.perf.report;

import java.io.PrintWriter;
import java.util.List;

/** Comparisons as a table. */
public final class ComparisonText {
    private ComparisonText() {}

    public static void print(List<Comparison> comparisons, PrintWriter out) {
        Table table = new Table(
                "what",
                "unit",
                "this",
                "median",
                "spread",
                "by",
                "median",
                "spread",
                "ratio",
                "p10..p90",
                "pairs",
                "target");
        for (Comparison c : comparisons) {
            table.row(
                    c.name(),
                    c.unit(),
                    c.left(),
                    Figures.of(c.leftFigures().median()),
                    Figures.percent(c.leftFigures().spread()),
                    c.right(),
                    Figures.of(c.rightFigures().median()),
                    Figures.percent(c.rightFigures().spread()),
                    Figures.ratio(c.ratio()),
                    Figures.ratio(c.ratios().p10()) + ".."
                            + Figures.ratio(c.ratios().p90()),
                    Integer.toString(c.ratios().count()),
                    c.target() == null ? "-" : "<= " + Figures.ratio(c.target()) + (c.met() ? ", met" : ", MISSED"));
        }
        table.print(out);
    }
}
