package dev.godwit.perf.targets;

import dev.godwit.agent.migration.MigrationReport;
import dev.godwit.host.memory.PageSize;
import dev.godwit.perf.peer.CProgram;
import dev.godwit.perf.peer.Workshop;
import dev.godwit.perf.report.Comparison;
import dev.godwit.perf.report.Figures;
import dev.godwit.perf.scenario.GuestKind;
import dev.godwit.perf.scenario.Measure;
import dev.godwit.perf.scenario.PeerResult;
import dev.godwit.perf.scenario.Trial;
import java.util.ArrayList;
import java.util.List;

/** A guest that is nearly all zero: RAM looked through in the first round a second, against a C loop that reads as much. */
final class ZeroRow {
    private static final double GIGA = 1e9;

    private ZeroRow() {}

    static List<TargetLine> measure(TargetBench bench) {
        TargetRow row = TargetRow.ZERO;
        List<Double> reads = new ArrayList<>();
        try (Workshop workshop = new Workshop();
                CProgram c = new CProgram(workshop.program("scan"), bench.memory())) {
            PeerResult.Contest contest = bench.contest(
                    GuestKind.ZERO,
                    0,
                    List.of(bench.godwit("precopy")),
                    () -> reads.add(bench.memory() * 1e9 / c.ask(1)[0]));
            PeerResult.Entry own = contest.entries().getFirst();
            Comparison share = Judge.against(own, ZeroRow::scanRate, "C read scan of as much", reads);
            return List.of(TargetLine.ratio(
                    row.text(),
                    row.what(),
                    row.limit(),
                    share,
                    Figures.of(share.leftFigures().median() / GIGA) + " of "
                            + Figures.of(share.rightFigures().median() / GIGA) + " GB/s; total time "
                            + Judge.medians(contest, Measure.TOTAL)));
        }
    }

    private static double scanRate(Trial trial) {
        MigrationReport.Round first =
                ((MigrationReport) trial.details()).rounds().getFirst();
        return (double) ((first.pages() - first.deferredPages()) << PageSize.SMALL_SHIFT)
                * 1e6
                / Math.max(1, first.micros());
    }
}
