package dev.godwit.perf.targets;

import dev.godwit.agent.config.Failure;
import dev.godwit.agent.migration.FaultSummary;
import dev.godwit.agent.migration.MigrationReport;
import dev.godwit.perf.peer.Qemu;
import dev.godwit.perf.report.Comparison;
import dev.godwit.perf.report.Distribution;
import dev.godwit.perf.report.Figures;
import dev.godwit.perf.scenario.Measure;
import dev.godwit.perf.scenario.PeerResult;
import dev.godwit.perf.scenario.Trial;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Makes figures of trials. */
final class Judge {
    /** The QEMU that the targets speak of. */
    private static final int QEMU = 10;

    private Judge() {}

    /** All that is good for a comparison of two contestants: pairs of one turn in which neither failed. */
    static Comparison pairs(
            PeerResult.Entry left, PeerResult.Entry right, Measure measure, ToDoubleFunction<Trial> figure) {
        int[] turns = IntStream.range(0, left.trials().size())
                .filter(i -> left.trials().get(i).error() == null
                        && right.trials().get(i).error() == null)
                .toArray();
        if (turns.length == 0) {
            throw Failure.failed(left.name() + " and " + right.name() + " have no run that both finished: "
                    + String.join(", ", left.errors()) + String.join(", ", right.errors()));
        }
        Function<PeerResult.Entry, double[]> figures = entry -> IntStream.of(turns)
                .mapToDouble(i -> figure.applyAsDouble(entry.trials().get(i)))
                .toArray();
        return Comparison.of(
                measure.label(),
                measure.unit(),
                left.name(),
                figures.apply(left),
                right.name(),
                figures.apply(right),
                null);
    }

    /**
     * The figures of a contestant against something else that was measured before each turn.
     *
     * @param eachTurn of all turns, those that do not count first
     */
    static Comparison against(
            PeerResult.Entry entry, ToDoubleFunction<Trial> figure, String by, List<Double> eachTurn) {
        List<Trial> trials = entry.trials();
        int first = eachTurn.size() - trials.size();
        int[] turns = IntStream.range(0, trials.size())
                .filter(i -> trials.get(i).error() == null)
                .toArray();
        if (turns.length == 0) {
            throw neverThrough(entry);
        }
        return Comparison.of(
                entry.name(),
                "",
                entry.name(),
                IntStream.of(turns)
                        .mapToDouble(i -> figure.applyAsDouble(trials.get(i)))
                        .toArray(),
                by,
                IntStream.of(turns).mapToDouble(i -> eachTurn.get(first + i)).toArray(),
                null);
    }

    private static Failure neverThrough(PeerResult.Entry entry) {
        return Failure.failed(entry.name() + " never came through: " + String.join(", ", entry.errors()));
    }

    static Comparison pairs(PeerResult.Entry left, PeerResult.Entry right, Measure measure) {
        return pairs(left, right, measure, t -> figure(t, measure));
    }

    /** A figure of a trial; 0 where it is missing. */
    static double figure(Trial trial, Measure measure) {
        return trial.figures().getOrDefault(measure.key(), 0.0);
    }

    /** The figure of all trials that did not fail. */
    static Distribution of(PeerResult.Entry entry, ToDoubleFunction<Trial> figure) {
        double[] values = entry.trials().stream()
                .filter(t -> t.error() == null)
                .mapToDouble(figure)
                .toArray();
        if (values.length == 0) {
            throw neverThrough(entry);
        }
        return Distribution.of(values);
    }

    static Distribution of(PeerResult.Entry entry, Measure measure) {
        return of(entry, t -> figure(t, measure));
    }

    /** How the guest waited for what followed it, if it did not come whole and its target says so. */
    static Optional<FaultSummary> faults(Trial trial) {
        return trial.details() instanceof MigrationReport report && report.postcopy() != null
                ? Optional.ofNullable(report.postcopy().faults())
                : Optional.empty();
    }

    /** Medians of everybody, and who failed. */
    static String medians(PeerResult.Contest contest, Measure measure) {
        return contest.entries().stream()
                .map(e -> e.name() + " "
                        + e.of(measure)
                                .map(d -> Figures.of(d.median()) + " " + measure.unit())
                                .orElse("-")
                        + (e.failures() == 0
                                ? ""
                                : " (" + e.failures() + " of " + e.trials().size() + " failed)"))
                .collect(Collectors.joining(", "));
    }

    /** Why nothing can be judged by this QEMU; null when it can. */
    static String whyNot(Qemu qemu) {
        if (qemu == null) {
            return "needs QEMU " + QEMU + ": name one with --qemu PATH";
        }
        boolean tooOld = Integer.parseInt(qemu.version().split("\\D", 2)[0]) < QEMU;
        return tooOld ? "the target is against QEMU " + QEMU + ", this is " + qemu.version() : null;
    }

    /** The line, judged only if it is compared by the QEMU that is meant. */
    static TargetLine byQemu(TargetLine line, Qemu qemu) {
        String why = whyNot(qemu);
        return why == null ? line : line.unjudged(why);
    }

    /** Entries of Godwit. */
    static List<PeerResult.Entry> own(PeerResult.Contest contest) {
        return contest.entries().stream().filter(PeerResult.Entry::own).toList();
    }
}
