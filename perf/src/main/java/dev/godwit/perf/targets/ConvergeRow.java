package dev.godwit.perf.targets;

import dev.godwit.perf.report.Distribution;
import dev.godwit.perf.scenario.GuestKind;
import dev.godwit.perf.scenario.Measure;
import dev.godwit.perf.scenario.PeerResult;
import java.util.List;

/** 256 MiB rewritten as fast as can be over 125 MB/s: {@code auto} ends, and in little more than all of RAM takes. */
final class ConvergeRow {
    private ConvergeRow() {}

    static List<TargetLine> measure(TargetBench bench) {
        TargetRow row = TargetRow.CONVERGE;
        PeerResult.Contest contest =
                bench.contest(GuestKind.DIRTY, TargetBench.NARROW, List.of(bench.godwit("auto")), () -> {});
        double least = bench.memory() * 1e3 / TargetBench.NARROW;
        Distribution shares =
                Judge.of(contest.entries().getFirst(), trial -> Judge.figure(trial, Measure.TOTAL) / least);
        return List.of(TargetLine.of(
                row.text(),
                row.what(),
                row.limit(),
                shares,
                "RAM / 125 MB/s",
                Judge.medians(contest, Measure.TOTAL) + "; re-sent " + Judge.medians(contest, Measure.RESENT)));
    }
}
