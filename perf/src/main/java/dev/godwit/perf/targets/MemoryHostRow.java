package dev.godwit.perf.targets;

import dev.godwit.agent.api.StartRequest;
import dev.godwit.agent.memoryhost.MemoryHost;
import dev.godwit.agent.migration.MigrationReport;
import dev.godwit.host.memory.PageSize;
import dev.godwit.perf.report.Figures;
import dev.godwit.perf.scenario.Contestant;
import dev.godwit.perf.scenario.GuestCare;
import dev.godwit.perf.scenario.GuestKind;
import dev.godwit.perf.scenario.Measure;
import dev.godwit.perf.scenario.PeerResult;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;

/**
 * An idle guest with three quarters of its pages on a memory host, against the same guest all local, in turns. The memory
 * host is in the benchmark's own process, which is neither agent's.
 */
final class MemoryHostRow {
    private static final int LOCAL = 4;

    private MemoryHostRow() {}

    static List<TargetLine> measure(TargetBench bench) {
        // It would log between the lines of progress.
        System.setProperty("org.slf4j.simpleLogger.log." + MemoryHost.class.getPackageName(), "warn");
        try (MemoryHost host = MemoryHost.start(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                bench.stage().secret(),
                2 * bench.memory(),
                null,
                Duration.ZERO)) {
            String address = "127.0.0.1:" + host.address().getPort();
            GuestCare remote =
                    new GuestCare(Duration.ZERO, new StartRequest.MemoryHost(address, bench.memory() / LOCAL));
            List<Contestant> both = List.of(bench.godwit("auto", remote), bench.godwit("auto"));
            PeerResult.Contest contest = bench.contest(GuestKind.IDLE, both);
            return List.of(line(contest, Measure.BYTES, "bytes moved, "), line(contest, Measure.TOTAL, "total time, "));
        }
    }

    private static TargetLine line(PeerResult.Contest contest, Measure measure, String what) {
        TargetRow row = TargetRow.MEMORY_HOST;
        PeerResult.Entry remote = contest.entries().getFirst();
        double share = Judge.of(remote, t -> {
                    MigrationReport report = (MigrationReport) t.details();
                    return (double) (report.remotePages() << PageSize.SMALL_SHIFT) / report.memoryBytes();
                })
                .median();
        return TargetLine.ratio(
                row.text(),
                what + row.what(),
                row.limit(),
                Judge.pairs(remote, contest.entries().getLast(), measure),
                Judge.medians(contest, measure) + "; " + Figures.percent(share) + " of its pages stayed there");
    }
}
