package dev.godwit.perf.targets;

import dev.godwit.agent.migration.MigrationReport;
import dev.godwit.host.memory.PageSize;
import dev.godwit.perf.report.Distribution;
import dev.godwit.perf.scenario.Contestant;
import dev.godwit.perf.scenario.GuestCare;
import dev.godwit.perf.scenario.GuestKind;
import dev.godwit.perf.scenario.Measure;
import dev.godwit.perf.scenario.PeerResult;
import dev.godwit.perf.scenario.Trial;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * Guests that read by Zipf's law, in postcopy: how long they wait for pages when the hottest come first, which needs
 * that their accesses were tracked before, against the order of addresses. Both send each page once. One reads as much as it
 * can: it waits for pages whatever their order until the last that it ever reads is there. The other has a pace of its
 * own; what an oracle's order would reach with that is shown beside.
 */
final class HotFirstRow {
    private static final Duration TRACKED = Duration.ofSeconds(60);

    private HotFirstRow() {}

    static List<TargetLine> measure(TargetBench bench) {
        List<TargetLine> lines = new ArrayList<>();
        for (GuestKind kind : List.of(GuestKind.PACED, GuestKind.ZIPF)) {
            for (long bandwidth : new long[] {TargetBench.NARROW, 0}) {
                lines.addAll(lines(bench, kind, bandwidth));
            }
        }
        return lines;
    }

    private static List<TargetLine> lines(TargetBench bench, GuestKind kind, long bandwidth) {
        TargetRow row = TargetRow.HOT_FIRST;
        List<Contestant> both =
                List.of(bench.godwit("postcopy", new GuestCare(TRACKED, null)), bench.godwit("postcopy"));
        PeerResult.Contest contest = bench.contest(kind, bandwidth, both, () -> {});
        PeerResult.Entry hottest = contest.entries().getFirst();
        PeerResult.Entry address = contest.entries().getLast();
        String where = ", " + kind.text() + (bandwidth == 0 ? ", no limit" : ", 125 MB/s");
        List<TargetLine> lines = new ArrayList<>();
        lines.add(TargetLine.ratio(
                row.text(),
                row.what() + where,
                row.limit(),
                Judge.pairs(address, hottest, Measure.BLOCKED),
                Judge.medians(contest, Measure.BLOCKED) + "; " + Judge.medians(contest, Measure.BYTES)));
        if (kind == GuestKind.PACED) {
            lines.addAll(limits(bench.memory(), hottest, where));
        } else {
            lines.add(TargetLine.ratio(
                    row.text(),
                    "the same of the guest's work lost" + where,
                    null,
                    Judge.pairs(address, hottest, Measure.DIP_LOST),
                    Judge.medians(contest, Measure.DIP_LOST)));
        }
        return lines;
    }

    private static List<TargetLine> limits(long memory, PeerResult.Entry hottest, String where) {
        ZipfLaw law = new ZipfLaw(Math.toIntExact(memory >> PageSize.SMALL_SHIFT));
        int seen = Math.toIntExact(GuestKind.PACE * TRACKED.toSeconds());
        return List.of(
                limit(
                        "the limit: pages waited for, by Zipf's law" + where,
                        Judge.of(hottest, trial -> law.most(accesses(trial))),
                        "the order of an oracle",
                        GuestKind.PACE + " accesses a second"),
                limit(
                        "the same, when each access of a minute was seen" + where,
                        Judge.of(hottest, trial -> law.mostLearnt(accesses(trial), seen)),
                        "the order of how often each page was",
                        seen + " accesses seen"));
    }

    private static TargetLine limit(String what, Distribution values, String by, String note) {
        return TargetLine.of(TargetRow.HOT_FIRST.text(), what, null, values, by, note);
    }

    /** While the pages came. */
    private static double accesses(Trial trial) {
        return GuestKind.PACE * ((MigrationReport) trial.details()).postcopy().micros() / 1e6;
    }
}
