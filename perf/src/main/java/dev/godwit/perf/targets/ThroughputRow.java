package dev.godwit.perf.targets;

import dev.godwit.agent.migration.MigrationOptions;
import dev.godwit.perf.report.Figures;
import dev.godwit.perf.scenario.GuestKind;
import dev.godwit.perf.scenario.MigrateResult;
import dev.godwit.perf.scenario.MigrateScenario;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/** Content sent over the total time, as a share of what raw TCP carries over as many connections just before. */
final class ThroughputRow {
    private static final double GIGA = 1e9;

    private ThroughputRow() {}

    static List<TargetLine> measure(TargetBench bench) {
        List<TargetLine> lines = new ArrayList<>();
        IntStream.of(1, 2, MigrationOptions.DEFAULT_STREAMS).forEach(streams -> lines.add(line(bench, streams)));
        return lines;
    }

    private static TargetLine line(TargetBench bench, int streams) {
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
        return TargetLine.of(
                row.text(),
                row.what() + ", " + streams + (streams == 1 ? " connection" : " connections"),
                row.limit(),
                r.share(),
                "raw TCP between buffers in the caches",
                "total " + Figures.of(r.total().median()) + " ms, "
                        + Figures.of(r.rate().median() / GIGA) + " of "
                        + Figures.of(r.rawStreams().median() / GIGA) + " GB/s; of raw TCP into fresh memory ("
                        + Figures.of(r.rawFresh().median() / GIGA) + " GB/s) "
                        + Figures.ratio(r.shareOfFresh().median()));
    }
}
