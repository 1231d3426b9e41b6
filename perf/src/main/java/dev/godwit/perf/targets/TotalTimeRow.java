package dev.godwit.perf.targets;

import dev.godwit.agent.config.Failure;
import dev.godwit.perf.peer.QemuMode;
import dev.godwit.perf.report.Comparison;
import dev.godwit.perf.report.Figures;
import dev.godwit.perf.scenario.Contestant;
import dev.godwit.perf.scenario.GuestKind;
import dev.godwit.perf.scenario.HostMemoryTouch;
import dev.godwit.perf.scenario.Measure;
import dev.godwit.perf.scenario.PeerResult;
import dev.godwit.perf.scenario.RawTcp;
import java.util.ArrayList;
import java.util.List;

/**
 * An idle guest of unique pages, without a limit: total time against the better of QEMU's single stream and multifd. The
 * limit is shown beside: that time against what raw TCP needs for as many bytes into fresh memory, with no guest beside.
 */
final class TotalTimeRow {
    private static final int CONNECTIONS = 4;

    private TotalTimeRow() {}

    static List<TargetLine> measure(TargetBench bench) {
        List<TargetLine> lines = new ArrayList<>(lines(bench, false));
        if (bench.scenario().cold()) {
            lines.addAll(lines(bench, true));
        }
        return lines;
    }

    private static List<TargetLine> lines(TargetBench bench, boolean cold) {
        TargetRow row = TargetRow.TOTAL_TIME;
        String what = row.what() + (cold ? ", free memory cold" : "");
        List<Contestant> all = new ArrayList<>(List.of(bench.godwit("auto")));
        all.addAll(bench.qemu(QemuMode.SINGLE, QemuMode.MULTIFD));
        if (all.size() == 1) {
            return List.of(TargetLine.missing(row.text(), what, row.limit(), Judge.whyNot(null)));
        }
        try (RawTcp raw = new RawTcp(bench.memory())) {
            return lines(bench, cold, what, all, raw);
        }
    }

    private static List<TargetLine> lines(
            TargetBench bench, boolean cold, String what, List<Contestant> all, RawTcp raw) {
        TargetRow row = TargetRow.TOTAL_TIME;
        List<Double> rawMillis = new ArrayList<>();
        PeerResult.Contest contest = bench.keep(bench.turns(cold)
                .run(
                        bench.guest(GuestKind.IDLE, bench.memory(), 0),
                        all,
                        () -> rawMillis.add(millis(raw, bench, cold))));
        PeerResult.Entry own = contest.entries().getFirst();
        PeerResult.Entry best = contest.bestRival(Measure.TOTAL)
                .orElseThrow(() -> Failure.failed("QEMU never came through: "
                        + String.join(", ", contest.entries().getLast().errors())));
        Comparison limit = Judge.against(
                best,
                trial -> Judge.figure(trial, Measure.TOTAL),
                "raw TCP into fresh memory, " + CONNECTIONS + " connections",
                rawMillis);
        return List.of(
                Judge.byQemu(
                        TargetLine.ratio(
                                        row.text(),
                                        what,
                                        row.limit(),
                                        Judge.pairs(best, own, Measure.TOTAL),
                                        Judge.medians(contest, Measure.TOTAL))
                                .by(best.name()),
                        bench.scenario().qemu()),
                TargetLine.ratio(
                        row.text(),
                        "the limit: QEMU's best over raw TCP" + (cold ? ", free memory cold" : ""),
                        null,
                        limit,
                        "raw TCP needs " + Figures.of(limit.rightFigures().median()) + " ms"));
    }

    /** What raw TCP needs for as many bytes as the guest has. */
    private static double millis(RawTcp raw, TargetBench bench, boolean cold) {
        if (!cold) {
            HostMemoryTouch.touch(bench.memory());
        }
        return bench.memory() * 1e3 / raw.measureFresh(CONNECTIONS, bench.memory());
    }
}
