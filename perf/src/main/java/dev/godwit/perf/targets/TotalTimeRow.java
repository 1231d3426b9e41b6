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
 * An idle guest of unique pages, without a limit: total time against the better of QEMU's single stream and multifd, once
 * with its target's memory ready as Godwit's is, once as anybody would start it, if there is memory ready at all. The limit is shown
 * beside: that time against what raw TCP needs for as many bytes, with no guest beside.
 */
final class TotalTimeRow {
    private static final int CONNECTIONS = 4;
    /** Of QEMU: single stream and multifd. */
    private static final int MODES = 2;

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
        if (bench.scenario().qemu() == null) {
            return List.of(TargetLine.missing(row.text(), what, row.limit(), Judge.whyNot(null)));
        }
        List<Contestant> all = new ArrayList<>(List.of(bench.godwit("auto")));
        all.addAll(bench.qemu(QemuMode.SINGLE, QemuMode.MULTIFD));
        if (bench.scenario().readyBytes() > 0) {
            all.addAll(bench.qemu(false, QemuMode.SINGLE, QemuMode.MULTIFD));
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
        List<PeerResult.Entry> entries = contest.entries();
        PeerResult.Entry own = entries.getFirst();
        PeerResult.Entry best = best(entries.subList(1, 1 + MODES));
        List<TargetLine> lines = new ArrayList<>(List.of(line(bench, what, contest, own, best)));
        if (entries.size() > 1 + MODES) {
            lines.add(line(
                    bench,
                    what + ", QEMU as it comes",
                    contest,
                    own,
                    best(entries.subList(1 + MODES, entries.size()))));
        }
        Comparison limit = Judge.against(
                best,
                trial -> Judge.figure(trial, Measure.TOTAL),
                "raw TCP into " + (bench.scenario().readyBytes() > 0 ? "memory that is there, " : "fresh memory, ")
                        + CONNECTIONS + " connections",
                rawMillis);
        lines.add(TargetLine.ratio(
                row.text(),
                "the limit: QEMU's best over raw TCP" + (cold ? ", free memory cold" : ""),
                null,
                limit,
                "raw TCP needs " + Figures.of(limit.rightFigures().median()) + " ms"));
        return lines;
    }

    private static PeerResult.Entry best(List<PeerResult.Entry> entries) {
        return PeerResult.best(entries, Measure.TOTAL)
                .orElseThrow(() -> Failure.failed("QEMU never came through: "
                        + String.join(", ", entries.getLast().errors())));
    }

    private static TargetLine line(
            TargetBench bench, String what, PeerResult.Contest contest, PeerResult.Entry own, PeerResult.Entry best) {
        TargetRow row = TargetRow.TOTAL_TIME;
        return Judge.byQemu(
                TargetLine.ratio(
                                row.text(),
                                what,
                                row.limit(),
                                Judge.pairs(best, own, Measure.TOTAL),
                                Judge.medians(contest, Measure.TOTAL))
                        .by(best.name()),
                bench.scenario().qemu());
    }

    /** What raw TCP needs for as many bytes as the guest has, into memory that is there if Godwit's is. */
    private static double millis(RawTcp raw, TargetBench bench, boolean cold) {
        if (bench.scenario().readyBytes() > 0) {
            return bench.memory() * 1e3 / raw.measure(CONNECTIONS, bench.memory());
        }
        if (!cold) {
            HostMemoryTouch.touch(bench.memory(), bench.progress());
        }
        return bench.memory() * 1e3 / raw.measureFresh(CONNECTIONS, bench.memory());
    }
}
