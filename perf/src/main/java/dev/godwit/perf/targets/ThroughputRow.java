package dev.godwit.perf.targets;

import dev.godwit.agent.migration.MigrationOptions;
import dev.godwit.perf.report.Distribution;
import dev.godwit.perf.report.Figures;
import dev.godwit.perf.scenario.GuestKind;
import dev.godwit.perf.scenario.MigrateResult;
import dev.godwit.perf.scenario.MigrateScenario;
import java.util.ArrayList;
import java.util.List;

/**
 * Content sent over the total time, as a share of what raw TCP carries over as many connections just before, between
 * buffers that stay in the caches. The limit is shown beside: raw TCP between memories of 1 GiB, which is what a guest
 * has.
 */
final class ThroughputRow {
    private static final double GIGA = 1e9;

    private ThroughputRow() {}

    static List<TargetLine> measure(TargetBench bench) {
        List<TargetLine> lines = new ArrayList<>();
        for (int streams : new int[] {1, 2, MigrationOptions.DEFAULT_STREAMS}) {
            lines.addAll(lines(bench, streams));
        }
        return lines;
    }

    private static List<TargetLine> lines(TargetBench bench, int streams) {
        TargetRow row = TargetRow.THROUGHPUT;
        MigrateResult r = new MigrateScenario(
                        GuestKind.IDLE,
                        bench.memory(),
                        1,
                        streams,
                        null,
                        bench.scenario().warmups() + 1,
                        bench.scenario().runs(),
                        bench.scenario().readyBytes())
                .run(bench.progress());
        String connections = ", " + streams + (streams == 1 ? " connection" : " connections");
        String by = "raw TCP between buffers in the caches";
        return List.of(
                TargetLine.of(
                        row.text(),
                        row.what() + connections,
                        row.limit(),
                        r.share(),
                        by,
                        "total " + Figures.of(r.total().median()) + " ms, "
                                + Figures.of(r.rate().median() / GIGA) + " of "
                                + Figures.of(r.rawStreams().median() / GIGA) + " GB/s"),
                TargetLine.of(
                        row.text(),
                        "the limit: raw TCP from memory to memory" + connections,
                        null,
                        Distribution.of(r.runs().stream()
                                .mapToDouble(run -> run.rawMemory() / run.rawStreams())
                                .toArray()),
                        by,
                        Figures.of(r.rawMemory().median() / GIGA) + " GB/s, of which the migration is "
                                + Figures.ratio(r.shareOfMemory().median())));
    }
}
