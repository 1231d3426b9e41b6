package dev.godwit.perf.targets;

import dev.godwit.perf.peer.QemuMode;
import dev.godwit.perf.scenario.Contestant;
import dev.godwit.perf.scenario.GuestKind;
import dev.godwit.perf.scenario.Measure;
import dev.godwit.perf.scenario.PeerResult;
import java.util.ArrayList;
import java.util.List;

/** The longest gap that a guest saw in its own loop, by its own counter. */
final class GapRows {
    private static final String UNMOVED = "; before, unmoved: ";

    private GapRows() {}

    /** 64 MiB rewritten all the time, precopy. */
    static List<TargetLine> precopy(TargetBench bench) {
        TargetRow row = TargetRow.GAP_PRECOPY;
        List<Contestant> all = new ArrayList<>(List.of(bench.godwit("precopy")));
        all.addAll(bench.qemu(QemuMode.SINGLE, QemuMode.MULTIFD));
        PeerResult.Contest contest = bench.contest(GuestKind.STEADY, all);
        PeerResult.Entry own = contest.entries().getFirst();
        List<TargetLine> lines = new ArrayList<>(List.of(gap(row, "steady", contest, own)));
        Limit less = Limit.atMost(1, "");
        lines.add(contest.bestRival(Measure.GUEST_GAP)
                .map(rival -> Judge.byQemu(
                        TargetLine.ratio(
                                row.text(),
                                "the same over QEMU's best",
                                less,
                                Judge.pairs(own, rival, Measure.GUEST_GAP),
                                ""),
                        bench.scenario().qemu()))
                .orElseGet(() -> TargetLine.missing(
                        row.text(),
                        "the same over QEMU's best",
                        less,
                        Judge.whyNot(bench.scenario().qemu()))));
        return lines;
    }

    /** At several rates of writing, hybrid. The guest at 125 MB/s writes more than that and goes ahead of what it wrote. */
    static List<TargetLine> hybrid(TargetBench bench) {
        List<TargetLine> lines = new ArrayList<>();
        for (GuestKind kind : List.of(GuestKind.STEADY, GuestKind.ZIPF, GuestKind.DIRTY)) {
            lines.add(hybrid(bench, kind, 0, kind.text()));
        }
        lines.add(hybrid(bench, GuestKind.DIRTY, TargetBench.WIDE, GuestKind.DIRTY.text() + ", 1250 MB/s"));
        lines.add(hybrid(bench, GuestKind.DIRTY, TargetBench.NARROW, GuestKind.DIRTY.text() + ", 125 MB/s"));
        return lines;
    }

    private static TargetLine hybrid(TargetBench bench, GuestKind kind, long bandwidth, String guest) {
        PeerResult.Contest contest = bench.contest(kind, bandwidth, List.of(bench.godwit("hybrid")), () -> {});
        return gap(TargetRow.GAP_HYBRID, guest, contest, contest.entries().getFirst());
    }

    private static TargetLine gap(TargetRow row, String guest, PeerResult.Contest contest, PeerResult.Entry own) {
        return TargetLine.of(
                row.text(),
                row.what() + ", " + guest,
                row.limit(),
                Judge.of(own, Measure.GUEST_GAP),
                "",
                Judge.medians(contest, Measure.GUEST_GAP) + UNMOVED + Judge.medians(contest, Measure.NOISE)
                        + "; downtime as reported: " + Judge.medians(contest, Measure.DOWNTIME));
    }
}
