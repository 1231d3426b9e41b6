package dev.godwit.perf.targets;

import dev.godwit.perf.scenario.Contestant;
import dev.godwit.perf.scenario.Contests;
import dev.godwit.perf.scenario.GuestKind;
import dev.godwit.perf.scenario.Measure;
import dev.godwit.perf.scenario.MigrationCase;
import dev.godwit.perf.scenario.PeerResult;
import dev.godwit.perf.scenario.Trial;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Postcopy of a guest and of one with eight times its RAM, in turns: both have unique content everywhere. */
final class ResumeRow {
    private static final int TIMES = 8;

    private ResumeRow() {}

    static List<TargetLine> measure(TargetBench bench) {
        TargetRow row = TargetRow.RESUME;
        Contestant postcopy = bench.godwit("postcopy");
        Contests turns = bench.turns(false);
        MigrationCase small = bench.guest(GuestKind.IDLE, bench.memory(), 0);
        MigrationCase large = bench.guest(GuestKind.IDLE, TIMES * bench.memory(), 0);
        List<Trial> ofSmall = new ArrayList<>();
        List<Trial> ofLarge = new ArrayList<>();
        for (int turn = -bench.scenario().warmups(); turn < bench.scenario().runs(); turn++) {
            Trial one = turns.trial(postcopy, small, turn);
            Trial other = turns.trial(postcopy, large, turn);
            if (turn >= 0) {
                ofSmall.add(one);
                ofLarge.add(other);
            }
        }
        PeerResult.Contest a = bench.keep(PeerResult.Contest.of(small, Map.of(postcopy, ofSmall)));
        PeerResult.Contest b = bench.keep(PeerResult.Contest.of(large, Map.of(postcopy, ofLarge)));
        return List.of(TargetLine.ratio(
                row.text(),
                row.what(),
                row.limit(),
                Judge.pairs(b.entries().getFirst(), a.entries().getFirst(), Measure.RESUME),
                small.title() + ": " + Judge.medians(a, Measure.RESUME) + "; " + large.title() + ": "
                        + Judge.medians(b, Measure.RESUME)));
    }
}
