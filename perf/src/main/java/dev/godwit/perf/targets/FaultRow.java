package dev.godwit.perf.targets;

import dev.godwit.agent.config.Failure;
import dev.godwit.agent.migration.FaultSummary;
import dev.godwit.images.DirtierReport;
import dev.godwit.perf.peer.CProgram;
import dev.godwit.perf.peer.Workshop;
import dev.godwit.perf.report.Distribution;
import dev.godwit.perf.report.Figures;
import dev.godwit.perf.scenario.GuestKind;
import dev.godwit.perf.scenario.Measure;
import dev.godwit.perf.scenario.PeerResult;
import dev.godwit.perf.scenario.Trial;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/**
 * Postcopy of a guest that reads all over its RAM: the 99th percentile of its waits for pages, against the median of a
 * bare userfaultfd round trip, in C, between two processors of this host, measured before each run. A wait is what the
 * pager counts, from its notice of the fault, of faults for which a page had to come: those that it resolved at once are
 * not among them. What the guest itself saw is the same percentile of as many of its longest gaps. The limit is shown
 * beside: the same touch in C of a page that has to come over TCP, with no other work for anybody.
 */
final class FaultRow {
    private static final int TOUCHES = 5000;
    private static final double PERCENTILE = 0.99;

    private FaultRow() {}

    /**
     * Microseconds.
     *
     * @param noticed the median of the part that a pager counts, from its notice of the fault until the page is there
     */
    private record Bare(double p50, double p99, double noticed) {
        static Bare of(CProgram c) {
            long[] answer = c.ask(TOUCHES);
            return new Bare(answer[0] / 1e3, answer[1] / 1e3, answer[2] / 1e3);
        }
    }

    static List<TargetLine> measure(TargetBench bench) {
        List<TargetLine> lines = new ArrayList<>();
        try (Workshop workshop = new Workshop();
                CProgram oneCpu = new CProgram(workshop.program("uffd"), 0, 0);
                CProgram twoCpus = new CProgram(workshop.program("uffd"), 0, otherCpu());
                CProgram overTcp = new CProgram(workshop.program("uffd"), 0, otherCpu(), 0)) {
            lines.addAll(lines(bench, 0, oneCpu, twoCpus, overTcp));
            lines.addAll(lines(bench, TargetBench.NARROW, oneCpu, twoCpus, overTcp));
        }
        return lines;
    }

    private static int otherCpu() {
        return Runtime.getRuntime().availableProcessors() > 1 ? 1 : 0;
    }

    private static List<TargetLine> lines(
            TargetBench bench, long bandwidth, CProgram oneCpu, CProgram twoCpus, CProgram overTcp) {
        TargetRow row = TargetRow.FAULT;
        List<Bare> near = new ArrayList<>();
        List<Bare> far = new ArrayList<>();
        List<Bare> tcp = new ArrayList<>();
        PeerResult.Contest contest = bench.contest(GuestKind.ZIPF, bandwidth, List.of(bench.godwit("postcopy")), () -> {
            near.add(Bare.of(oneCpu));
            far.add(Bare.of(twoCpus));
            tcp.add(Bare.of(overTcp));
        });
        PeerResult.Entry entry = contest.entries().getFirst();
        double trip = median(far, Bare::p50);
        double slowTrip = median(far, Bare::p99);
        double noticed = median(far, Bare::noticed);
        String limited = bandwidth == 0 ? ", no limit" : ", 125 MB/s";
        String by = "bare round trip, median";
        return List.of(
                TargetLine.of(
                        row.text(),
                        row.what() + limited,
                        row.limit(),
                        Judge.of(entry, t -> faults(t).p99() / trip),
                        by,
                        "p50 " + micros(entry, Measure.FAULT_P50) + ", p99 " + micros(entry, Measure.FAULT_P99)
                                + " µs of "
                                + Figures.of(
                                        Judge.of(entry, t -> faults(t).count()).median())
                                + " faults that had to fetch, "
                                + Figures.of(
                                        Judge.of(entry, t -> faults(t).atOnce()).median())
                                + " more resolved at once; bare: " + Figures.of(trip) + " µs, p99 "
                                + Figures.of(slowTrip)
                                + " µs, on one processor " + Figures.of(median(near, Bare::p50)) + " µs"),
                TargetLine.of(
                        row.text(),
                        row.what() + limited,
                        null,
                        Judge.of(entry, t -> faults(t).p99() / slowTrip),
                        "bare round trip, p99",
                        ""),
                TargetLine.of(
                        row.text(),
                        row.what() + limited,
                        null,
                        Judge.of(entry, t -> faults(t).p99() / noticed),
                        "of that what a pager counts",
                        "from its notice " + Figures.of(noticed) + " µs of the " + Figures.of(trip)),
                TargetLine.of(
                        row.text(),
                        "the limit: a bare fault over TCP, p99" + limited,
                        null,
                        over(tcp, far),
                        by,
                        "p50 " + Figures.of(median(tcp, Bare::p50)) + ", p99 " + Figures.of(median(tcp, Bare::p99))
                                + " µs"),
                TargetLine.of(
                        row.text(),
                        "the same as the guest saw it" + limited,
                        null,
                        Judge.of(entry, t -> seenByGuest(t) / trip),
                        by,
                        Figures.of(Judge.of(entry, FaultRow::seenByGuest).median()) + " µs"));
    }

    private static double median(List<Bare> all, ToDoubleFunction<Bare> figure) {
        return Distribution.of(all.stream().mapToDouble(figure).toArray()).median();
    }

    private static Distribution over(List<Bare> slow, List<Bare> fast) {
        return Distribution.of(IntStream.range(0, slow.size())
                .mapToDouble(i -> slow.get(i).p99 / fast.get(i).p50)
                .toArray());
    }

    private static String micros(PeerResult.Entry entry, Measure measure) {
        return Figures.of(Judge.of(entry, measure).median());
    }

    private static FaultSummary faults(Trial trial) {
        FaultSummary faults =
                Judge.faults(trial).orElseThrow(() -> Failure.failed("the target did not say how the guest waited"));
        if (faults.count() == 0) {
            throw Failure.failed("the guest waited for no page, so that there is nothing to judge");
        }
        return faults;
    }

    /** Of as many of its longest gaps as there were waits for pages, in microseconds. */
    static double seenByGuest(Trial trial) {
        long rarer = Math.max(1, Math.round(faults(trial).count() * (1 - PERCENTILE)));
        long seen = 0;
        for (DirtierReport.Bucket bucket : trial.guest().gaps().reversed()) {
            seen += bucket.count();
            if (seen >= rarer) {
                return bucket.lowestNanos() / 1e3;
            }
        }
        return 0;
    }
}
