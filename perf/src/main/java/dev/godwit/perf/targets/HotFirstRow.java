package dev.godwit.perf.targets;

import dev.godwit.perf.scenario.Contestant;
import dev.godwit.perf.scenario.GuestCare;
import dev.godwit.perf.scenario.GuestKind;
import dev.godwit.perf.scenario.Measure;
import dev.godwit.perf.scenario.PeerResult;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * A guest that reads by Zipf's law, in postcopy: how long it waits for pages when the hottest come first, which needs
 * that its accesses were tracked before, against the order of addresses. Both send each page once.
 */
final class HotFirstRow {
    /** Memory over this takes eight seconds a GiB; without a limit less than one. */
    private static final long NARROW = 125_000_000;

    private static final Duration TRACKED = Duration.ofSeconds(20);

    private HotFirstRow() {}

    static List<TargetLine> measure(TargetBench bench) {
        List<TargetLine> lines = new ArrayList<>();
        for (long bandwidth : new long[] {NARROW, 0}) {
            lines.addAll(lines(bench, bandwidth));
        }
        return lines;
    }

    private static List<TargetLine> lines(TargetBench bench, long bandwidth) {
        TargetRow row = TargetRow.HOT_FIRST;
        List<Contestant> both =
                List.of(bench.godwit("postcopy", new GuestCare(TRACKED, null)), bench.godwit("postcopy"));
        PeerResult.Contest contest =
                bench.keep(bench.turns(false).run(bench.guest(GuestKind.ZIPF, bench.memory(), bandwidth), both));
        PeerResult.Entry hottest = contest.entries().getFirst();
        PeerResult.Entry address = contest.entries().getLast();
        String limited = bandwidth == 0 ? ", no limit" : ", 125 MB/s";
        return List.of(
                TargetLine.ratio(
                        row.text(),
                        row.what() + limited,
                        row.limit(),
                        Judge.pairs(address, hottest, Measure.BLOCKED),
                        Judge.medians(contest, Measure.BLOCKED) + "; " + Judge.medians(contest, Measure.BYTES)),
                TargetLine.ratio(
                        row.text(),
                        "the same of the guest's work lost" + limited,
                        null,
                        Judge.pairs(address, hottest, Measure.DIP_LOST),
                        Judge.medians(contest, Measure.DIP_LOST)));
    }
}
