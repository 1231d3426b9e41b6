package dev.godwit.perf.targets;

import dev.godwit.host.tracking.AccessTracking;
import dev.godwit.images.DirtierOptions;
import dev.godwit.images.DirtierOptions.Pattern;
import dev.godwit.perf.report.Distribution;
import dev.godwit.perf.report.Figures;
import dev.godwit.perf.scenario.HeatResult;
import dev.godwit.perf.scenario.HeatScenario;
import java.time.Duration;
import java.util.List;

/** What access tracking costs a guest that reads by Zipf's law, and how well it finds its hottest tenth. */
final class TrackingRow {
    private static final long WORKING_SET = 32L << 20;
    private static final long BESIDE = 32L << 20;
    private static final int READS = 95;
    private static final double PRECISION = 0.8;
    private static final Duration ROUND = Duration.ofSeconds(10);

    private TrackingRow() {}

    static List<TargetLine> measure(TargetBench bench) throws InterruptedException {
        TargetRow row = TargetRow.TRACKING;
        DirtierOptions guest = DirtierOptions.DEFAULT
                .withWorkingSet(WORKING_SET)
                .withPattern(Pattern.ZIPF)
                .withReads(READS)
                .withSweep(0);
        HeatResult r = new HeatScenario(
                        guest,
                        WORKING_SET + BESIDE,
                        null,
                        AccessTracking.DEFAULT.share(),
                        bench.scenario().runs(),
                        ROUND)
                .run(bench.progress());
        HeatResult.Quality last = r.progress().getLast();
        return List.of(
                TargetLine.of(
                        row.text(),
                        "accesses lost per CPU time of the vCPU",
                        row.limit(),
                        inPerCent(r.cpuLoss()),
                        "rounds without, before and after",
                        r.mechanism() + ", " + Figures.of(r.faultMicros()) + " µs a fault, counted by itself "
                                + Figures.of(100 * r.measuredShare()) + " %; large pages "
                                + (r.coverageBefore() >> 20) + " MiB before, " + (r.coverageAfter() >> 20)
                                + " MiB after"),
                TargetLine.of(
                        row.text(),
                        "accesses lost per time",
                        row.limit(),
                        inPerCent(r.loss()),
                        "rounds without, before and after",
                        ""),
                TargetLine.of(
                        row.text(),
                        "precision of the hottest tenth, zipf",
                        Limit.atLeast(PRECISION, ""),
                        Distribution.of(last.precision()),
                        "what the guest did",
                        "after " + Figures.of(last.trackedSeconds()) + " s; accesses found "
                                + Figures.percent(last.accessShare()) + " of at best "
                                + Figures.percent(last.bestShare())));
    }

    private static Distribution inPerCent(Distribution d) {
        return new Distribution(
                d.count(),
                100 * d.min(),
                100 * d.p10(),
                100 * d.median(),
                100 * d.p90(),
                100 * d.p99(),
                100 * d.max(),
                100 * d.mean());
    }
}
