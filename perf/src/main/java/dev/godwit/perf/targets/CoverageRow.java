package dev.godwit.perf.targets;

import dev.godwit.agent.migration.MigrationReport;
import dev.godwit.perf.peer.QemuMode;
import dev.godwit.perf.report.Distribution;
import dev.godwit.perf.scenario.Contestant;
import dev.godwit.perf.scenario.GuestKind;
import dev.godwit.perf.scenario.Measure;
import dev.godwit.perf.scenario.PeerResult;
import dev.godwit.perf.scenario.PeerScenario;
import dev.godwit.perf.scenario.Trial;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Guest RAM in 2 MiB pages at the target, as a share of the source's, by the kernel's accounting; in every mode. */
final class CoverageRow {
    private CoverageRow() {}

    static List<TargetLine> measure(TargetBench bench) {
        List<TargetLine> lines = new ArrayList<>();
        for (GuestKind kind : List.of(GuestKind.STEADY, GuestKind.ZIPF)) {
            List<Contestant> all = new ArrayList<>();
            PeerScenario.GODWIT_MODES.forEach(mode -> all.add(bench.godwit(mode)));
            all.addAll(bench.qemu(QemuMode.POSTCOPY, QemuMode.POSTCOPY_AT_ONCE));
            for (PeerResult.Entry entry : bench.contest(kind, all).entries()) {
                lines.add(line(kind, entry));
            }
        }
        return lines;
    }

    private static TargetLine line(GuestKind kind, PeerResult.Entry entry) {
        TargetRow row = TargetRow.COVERAGE;
        Distribution after = Judge.of(entry, trial -> share(trial, Measure.COVERAGE_AFTER));
        return TargetLine.of(
                row.text(),
                row.what() + ", " + kind.text() + ", " + entry.name(),
                entry.own() ? row.limit() : null,
                Judge.of(entry, trial -> share(trial, Measure.COVERAGE_LATER)),
                "the source's",
                String.format(
                        Locale.ROOT,
                        "right after %.1f %% (%.1f..%.1f), %.0f ms behind the last page%s; the guest's work %.0f k/s"
                                + " before, %.0f k/s in the second after",
                        after.median(),
                        after.min(),
                        after.max(),
                        Judge.of(entry, t -> Judge.figure(t, Measure.ANSWER) - Judge.figure(t, Measure.TOTAL))
                                .median(),
                        withLastPage(entry),
                        Judge.of(entry, Measure.WORK_BEFORE).median(),
                        Judge.of(entry, Measure.WORK_AFTER).median()));
    }

    /** Before the agent makes whole what came in small pages; empty of who does not say, or came whole. */
    private static String withLastPage(PeerResult.Entry entry) {
        boolean known = entry.trials().stream()
                .filter(trial -> trial.error() == null)
                .allMatch(trial -> Judge.faults(trial).isPresent());
        return known
                ? String.format(
                        Locale.ROOT,
                        ", with which it was %.1f %%",
                        Judge.of(entry, CoverageRow::shareWithLastPage).median())
                : "";
    }

    private static double shareWithLastPage(Trial trial) {
        double bytes = Judge.faults(trial).orElseThrow().largePageBytes();
        return share(trial, 100 * bytes / ((MigrationReport) trial.details()).memoryBytes());
    }

    private static double share(Trial trial, Measure measure) {
        return share(trial, Judge.figure(trial, measure));
    }

    private static double share(Trial trial, double percent) {
        return 100 * percent / Judge.figure(trial, Measure.COVERAGE_BEFORE);
    }
}
