package dev.godwit.perf.cli;

import dev.godwit.agent.api.Json;
import dev.godwit.agent.config.Durations;
import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.Shares;
import dev.godwit.agent.config.Sizes;
import dev.godwit.host.memory.PageSize;
import dev.godwit.host.tracking.AccessMechanism;
import dev.godwit.host.tracking.AccessTracking;
import dev.godwit.images.DirtierOptions;
import dev.godwit.images.DirtierOptions.Pattern;
import dev.godwit.perf.report.Distribution;
import dev.godwit.perf.report.Figures;
import dev.godwit.perf.report.Table;
import dev.godwit.perf.scenario.HeatResult;
import dev.godwit.perf.scenario.HeatScenario;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
        name = "heat",
        description = "How well access tracking finds a guest's hot pages, against what the guest really did, and what"
                + " it costs the guest's throughput.",
        sortOptions = false,
        footer = {
            "",
            "Example:",
            "  godwit bench heat --pattern zipf --working-set 32m --rounds 6",
            "",
            BenchOptions.EXIT_STATUS
        })
final class HeatBenchCommand implements Callable<Integer> {
    private static final int MAX_ROUNDS = 1000;
    private static final int PERCENT = 100;
    private static final long BESIDE = 32L << 20;
    private static final long STILL = 400_000_000;
    private static final Duration SHORT_HALF_LIFE = Duration.ofSeconds(10);

    @Spec
    private CommandSpec spec;

    @Option(
            names = "--pattern",
            paramLabel = "KIND",
            defaultValue = "zipf",
            description =
                    "What the guest does: zipf, readhot, moving, hotcold, random, seq. Default: ${DEFAULT-VALUE}.")
    private String pattern;

    @Option(
            names = "--working-set",
            paramLabel = "SIZE",
            defaultValue = "32m",
            description = "With so much of its memory. Default: ${DEFAULT-VALUE}.")
    private String workingSet;

    @Option(
            names = "--move",
            paramLabel = "N",
            description = "Pattern moving: accesses of a vCPU after which its hot pages, a tenth of all, are others."
                    + " Default: 400000000.")
    private Long move;

    @Option(
            names = "--reads",
            paramLabel = "N",
            defaultValue = "95",
            description = "Per cent of its accesses that only read. Default: ${DEFAULT-VALUE}.")
    private int reads;

    @Option(
            names = {"-c", "--cpus"},
            paramLabel = "N",
            defaultValue = "1",
            description = "Its vCPUs. Default: ${DEFAULT-VALUE}.")
    private int cpus;

    @Option(
            names = "--share",
            paramLabel = "SHARE",
            defaultValue = "0.02",
            description =
                    "The share of its time that tracking may cost, such as 0.02 or 2%%. Default: ${DEFAULT-VALUE}.")
    private String share;

    @Option(
            names = "--half-life",
            paramLabel = "TIME",
            description = "After which what was seen counts half, 1s to 24h. Default: 1h; of a moving guest 10s.")
    private String halfLife;

    @Option(
            names = "--mechanism",
            paramLabel = "NAME",
            description = "kvm-faults or page-moves. Default: the first that this host offers.")
    private String mechanism;

    @Option(
            names = "--rounds",
            paramLabel = "N",
            defaultValue = "6",
            description = "Rounds, after each of which the pages found are judged. Default: ${DEFAULT-VALUE}.")
    private int rounds;

    @Option(
            names = "--round",
            paramLabel = "TIME",
            defaultValue = "10s",
            description = "How long the guest is tracked in a round. Default: ${DEFAULT-VALUE}.")
    private String round;

    @Option(
            names = "--turn",
            paramLabel = "TIME",
            defaultValue = "2s",
            description = "Length of a turn, with tracking and without in alternation. Default: ${DEFAULT-VALUE}, or a"
                    + " round.")
    private String turn;

    @Option(
            names = "--truth",
            paramLabel = "TIME",
            description = "Judge by what the guest did in so much of the end of a round, with and without tracking; at"
                    + " most a round."
                    + " Default: all of the round; of a moving guest one turn with and one without.")
    private String truth;

    @Mixin
    private BenchOptions options;

    @Mixin
    BenchOptions.Help help;

    @Override
    public Integer call() throws InterruptedException {
        BenchOptions.range("--rounds", rounds, 1, MAX_ROUNDS);
        BenchOptions.range("--reads", reads, 0, 100);
        BenchOptions.range("--cpus", cpus, 1, DirtierOptions.MAX_CPUS);
        long bytes = Sizes.parse("--working-set", workingSet);
        Duration length = time("--round", round);
        Duration each = Collections.min(List.of(time("--turn", turn), length));
        Pattern kind =
                choice("--pattern", pattern, Pattern.values(), p -> p.name().toLowerCase(Locale.ROOT));
        boolean moving = kind == Pattern.MOVING;
        if (move != null && !moving) {
            throw Failure.badInput("--move: only hot pages of --pattern moving do");
        }
        long still = move == null ? STILL : move;
        BenchOptions.range("--move", still, 0, Long.MAX_VALUE);
        if (bytes <= 0 || bytes % PageSize.SMALL != 0) {
            throw Failure.badInput("--working-set: whole pages of 4 KiB are right, not " + workingSet);
        }
        AccessTracking settings = new AccessTracking(
                Shares.parse("--share", share),
                halfLife == null ? moving ? SHORT_HALF_LIFE : HeatScenario.HALF_LIFE : halfLife());
        Duration judged =
                truth != null ? time("--truth", truth) : moving ? each.multipliedBy(2) : length.multipliedBy(2);
        DirtierOptions guest = DirtierOptions.DEFAULT
                .withWorkingSet(bytes)
                .withPattern(kind)
                .withMove(still)
                .withReads(reads)
                .withCpus(cpus)
                .withSweep(0);
        AccessMechanism way = mechanism == null
                ? null
                : choice("--mechanism", mechanism, AccessMechanism.values(), AccessMechanism::text);
        BenchOptions.needKvm();
        HeatResult result = new HeatScenario(guest, bytes + BESIDE, way, settings, rounds, length, each, judged)
                .run(options.progress(spec));
        PrintWriter out = spec.commandLine().getOut();
        if (options.json) {
            out.println(Json.pretty(result));
        } else {
            print(result, out);
        }
        out.flush();
        return 0;
    }

    private static Duration time(String option, String text) {
        Duration time = Durations.parse(option, text);
        BenchOptions.range(
                option + ", in milliseconds",
                time.toMillis(),
                1,
                Duration.ofDays(1).toMillis());
        return time;
    }

    private Duration halfLife() {
        Duration time = Durations.parse("--half-life", halfLife);
        if (time.compareTo(AccessTracking.LEAST_HALF_LIFE) < 0 || time.compareTo(AccessTracking.MOST_HALF_LIFE) > 0) {
            throw Failure.badInput("--half-life: 1s to 24h are right, not " + halfLife);
        }
        return time;
    }

    private static <T> T choice(
            String option, String text, T[] values, java.util.function.Function<T, String> spelling) {
        return Arrays.stream(values)
                .filter(value -> spelling.apply(value).equals(text))
                .findFirst()
                .orElseThrow(() -> Failure.badInput(option + ": " + text + " is none of "
                        + Arrays.stream(values).map(spelling).collect(Collectors.joining(", "))));
    }

    private static void print(HeatResult r, PrintWriter out) {
        out.println("Guest " + r.pattern() + " with " + r.pages() + " pages, tracked by " + r.mechanism() + ", "
                + Figures.of(r.faultMicros()) + " µs a fault"
                + (r.stillSeconds() == null
                        ? ""
                        : ", its hot tenth another every " + Figures.of(r.stillSeconds()) + " s"));
        Table quality = new Table(
                "tracked for, s", "accesses seen", "precision", "recall", "found pages have", "hottest tenth has");
        for (HeatResult.Quality q : r.progress()) {
            quality.row(
                    Figures.of(q.trackedSeconds()),
                    Long.toString(q.sightings()),
                    Figures.ratio(q.precision()),
                    Figures.ratio(q.recall()),
                    Figures.percent(q.accessShare()),
                    Figures.percent(q.bestShare()));
        }
        quality.print(out);
        out.println(
                "found are as many pages as a tenth of all, the hottest by what was seen; the last two columns are of"
                        + " the guest's accesses");
        out.println();
        Table cost = new Table("in turns", "p10", "median", "p90", "mean");
        row(cost, "accesses/s, off", r.off(), 1);
        row(cost, "accesses/s, on", r.on(), 1);
        row(cost, "loss by time, %", r.loss(), PERCENT);
        row(cost, "loss by CPU time of the vCPUs, %", r.cpuLoss(), PERCENT);
        row(cost, "loss by time not spent waiting for a CPU, %", r.ownLoss(), PERCENT);
        cost.print(out);
        out.println("Allowed: " + Figures.of(r.share() * PERCENT) + " %; counted: "
                + Figures.of(r.measuredShare() * PERCENT) + " %, by " + r.looks() + " looks that saw " + r.sightings()
                + " accesses. " + r.loss().count() + " turns with tracking. Large pages: "
                + Sizes.human(r.coverageBefore()) + " before, " + Sizes.human(r.coverageAfter()) + " after.");
    }

    private static void row(Table table, String what, Distribution d, int factor) {
        table.row(
                what,
                Figures.of(d.p10() * factor),
                Figures.of(d.median() * factor),
                Figures.of(d.p90() * factor),
                Figures.of(d.mean() * factor));
    }
}
