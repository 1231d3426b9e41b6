package dev.godwit.agent.cli;

import dev.godwit.agent.api.MigrationView;
import dev.godwit.agent.config.Durations;
import dev.godwit.agent.config.Sizes;
import dev.godwit.agent.migration.FaultSummary;
import dev.godwit.agent.migration.MigrationReport;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** A migration's report for people. */
final class ReportText {
    private ReportText() {}

    static void print(MigrationView migration, PrintStream out) {
        MigrationReport r = migration.report();
        MigrationReport.Downtime d = r.downtime();
        out.println("guest " + r.guest() + " is at " + r.target() + " now");
        line(
                out,
                "total",
                Durations.human(r.totalMicros()) + " in " + count(r.rounds().size(), "round") + " over "
                        + count(r.streams(), "stream"));
        line(
                out,
                "downtime",
                Durations.human(d.total()) + ": pause " + Durations.human(d.pause()) + ", last pages "
                        + Durations.human(d.lastPages()) + ", state " + Durations.human(d.state())
                        + (r.memoryHash() == null ? "" : ", verify " + Durations.human(d.verify())) + ", handover "
                        + Durations.human(d.handover()) + ", resume " + Durations.human(d.resume()));
        if (r.wholeBecause() != null) {
            line(out, "precopy only", "its memory could not have followed it there: " + r.wholeBecause());
        }
        if (r.hot() != null) {
            line(
                    out,
                    "hot first",
                    r.hot().pages() == 0
                            ? "none: no page is known to be so hot"
                            : r.hot().pages() + " pages, " + Sizes.human(r.hot().bytes()));
        }
        if (r.postcopy() != null) {
            followed(r.postcopy(), out);
        }
        line(
                out,
                "memory",
                Sizes.human(r.memoryBytes()) + ": sent " + r.dataPages() + " pages with content, " + r.zeroPages()
                        + " zero; " + r.untouchedPages() + " untouched"
                        + (r.remotePages() == 0 ? "" : ", " + r.remotePages() + " stay at its memory host"));
        line(
                out,
                "sent",
                Sizes.human(r.sentBytes()) + " of content, " + Sizes.human(r.wireBytes()) + " in all, each page "
                        + String.format(Locale.ROOT, "%.2f", r.resentFactor()) + " times");
        line(
                out,
                "2 MiB pages",
                Sizes.human(r.largePagesBefore()) + " before, " + withLastPage(r.postcopy())
                        + Sizes.human(r.largePagesAfter()) + " at the end");
        if (r.memoryHash() != null) {
            String what = r.remotePages() > 0 ? "all of memory that is not at its memory host" : "all of memory";
            line(out, "verified", what + " is the same on both sides, hash " + r.memoryHash());
        }
        if (!r.notCarried().isEmpty()) {
            line(out, "not carried", String.join(", ", r.notCarried()));
        }
        line(
                out,
                "kept in",
                migration.directory() == null
                        ? "no file: the agent cannot write it; its log says why"
                        : migration.directory());
    }

    private static void followed(MigrationReport.Postcopy p, PrintStream out) {
        line(
                out,
                "followed",
                p.pages() + " pages in " + Durations.human(p.micros()) + ", " + p.urgentPages()
                        + " of them because it waited"
                        + (p.reconnects() == 0 ? "" : ", connected again " + count(p.reconnects(), "time")));
        if (p.faults() != null && p.faults().count() + p.faults().atOnce() > 0) {
            line(
                    out,
                    "waits",
                    waits(p.faults()) + "; " + p.faults().atOnce()
                            + (p.faults().atOnce() == 1 ? " more touch" : " more touches") + " resolved at once");
        }
    }

    private static String withLastPage(MigrationReport.Postcopy p) {
        return p == null || p.faults() == null
                ? ""
                : Sizes.human(p.faults().largePageBytes()) + " with the last page that followed, ";
    }

    private static String waits(FaultSummary faults) {
        return faults.count() == 0
                ? "none"
                : faults.count() + ": median " + Durations.human((long) faults.p50()) + ", p99 "
                        + Durations.human((long) faults.p99()) + ", longest "
                        + Durations.human((long) faults.max()) + ", all together " + byVcpu(faults);
    }

    private static String byVcpu(FaultSummary faults) {
        List<String> waits = new ArrayList<>();
        for (int vcpu = 0; vcpu < faults.blocked().size(); vcpu++) {
            waits.add(Durations.human(faults.blocked().get(vcpu).longValue())
                    + (faults.blocked().size() > 1 ? " vCPU " + vcpu : ""));
        }
        if (faults.unknown() > 0) {
            waits.add(Durations.human((long) faults.unknown()) + " one or another");
        }
        return String.join(", ", waits);
    }

    private static void line(PrintStream out, String what, String value) {
        out.printf("  %-12s %s%n", what, value);
    }

    private static String count(int number, String what) {
        return number + " " + what + (number == 1 ? "" : "s");
    }
}
