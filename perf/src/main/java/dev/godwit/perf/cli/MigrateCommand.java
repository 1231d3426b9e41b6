package dev.godwit.perf.cli;

import dev.godwit.agent.api.Json;
import dev.godwit.agent.config.Durations;
import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.Sizes;
import dev.godwit.agent.migration.MigrationOptions;
import dev.godwit.perf.report.Distribution;
import dev.godwit.perf.report.Figures;
import dev.godwit.perf.report.Table;
import dev.godwit.perf.scenario.GuestKind;
import dev.godwit.perf.scenario.MigrateFiles;
import dev.godwit.perf.scenario.MigrateResult;
import dev.godwit.perf.scenario.MigrateScenario;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.Callable;
import java.util.function.DoubleFunction;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
        name = "migrate",
        description = "Migrates a guest back and forth between two agents on this machine: total time, pause, what the"
                + " guest noticed, and throughput as a share of what TCP carries over the loopback in the same run.",
        sortOptions = false,
        footer = {
            "",
            "Guests: idle (all RAM unique, nothing written), steady, random and hotcold (64 MiB of it rewritten all the"
                    + " time), zero (nearly all zero).",
            "",
            "Examples:",
            "  godwit bench migrate --guest idle --memory 1g --runs 10",
            "  godwit bench migrate --guest steady --streams 4 --out /tmp/steady",
            "",
            BenchOptions.EXIT_STATUS
        })
final class MigrateCommand implements Callable<Integer> {
    private static final int MAX_RUNS = 100_000;
    private static final double GIGA = 1e9;

    @Spec
    private CommandSpec spec;

    @Option(
            names = "--guest",
            paramLabel = "KIND",
            defaultValue = "idle",
            description = "What is migrated: idle, steady, random, hotcold or zero. Default: ${DEFAULT-VALUE}.")
    private String guest;

    @Option(
            names = {"-m", "--memory"},
            paramLabel = "SIZE",
            defaultValue = "1g",
            description = "Its RAM. Default: ${DEFAULT-VALUE}.")
    private String memory;

    @Option(
            names = {"-c", "--cpus"},
            paramLabel = "N",
            defaultValue = "1",
            description = "Its vCPUs. Default: ${DEFAULT-VALUE}.")
    private int cpus;

    @Option(
            names = "--runs",
            paramLabel = "N",
            defaultValue = "10",
            description = "Migrations. Default: ${DEFAULT-VALUE}.")
    private int runs;

    @Option(
            names = "--warm-up",
            paramLabel = "N",
            defaultValue = "2",
            description = "Migrations before those, which do not count. Default: ${DEFAULT-VALUE}.")
    private int warmups;

    @Option(names = "--streams", paramLabel = "N", description = "Data connections, 1 to 16. Default: the agent's, 2.")
    private int streams = MigrationOptions.DEFAULT.streams();

    @Option(
            names = "--downtime",
            paramLabel = "TIME",
            description = "The pause to plan for. Default: the agent's, 300ms.")
    private String downtime;

    @Option(names = "--out", paramLabel = "DIR", description = "Keep result.json and latency.hlog there.")
    private Path out;

    @Mixin
    private BenchOptions options;

    @Mixin
    BenchOptions.Help help;

    @Override
    public Integer call() {
        BenchOptions.range("--runs", runs, 1, MAX_RUNS);
        BenchOptions.range("--warm-up", warmups, 0, MAX_RUNS);
        BenchOptions.range("--streams", streams, 1, MigrationOptions.MAX_STREAMS);
        GuestKind kind = kind();
        long memoryBytes = Sizes.parse("--memory", memory);
        BenchOptions.needKvm();
        MigrateResult result = new MigrateScenario(
                        kind,
                        memoryBytes,
                        cpus,
                        streams,
                        downtime == null
                                ? null
                                : Durations.parse("--downtime", downtime).toMillis(),
                        warmups,
                        runs)
                .run(options.progress(spec));
        if (out != null) {
            MigrateFiles.write(result, out);
        }
        PrintWriter text = spec.commandLine().getOut();
        if (options.json) {
            text.println(Json.pretty(result));
        } else {
            print(result, text);
        }
        text.flush();
        return 0;
    }

    private GuestKind kind() {
        return Arrays.stream(GuestKind.values())
                .filter(kind -> kind.text().equals(guest))
                .findFirst()
                .orElseThrow(() -> Failure.badInput("--guest: " + guest + " is none of "
                        + Arrays.stream(GuestKind.values()).map(GuestKind::text).collect(Collectors.joining(", "))));
    }

    private static void print(MigrateResult result, PrintWriter out) {
        out.println("Guest " + result.guest() + " of " + Sizes.human(result.memoryBytes()) + ", " + result.cpus()
                + " vCPU, " + result.streams() + " streams, " + result.runs().size() + " migrations");
        Table table = new Table("", "unit", "min", "median", "p90", "max", "spread");
        row(table, "total", "ms", result.total(), Figures::of);
        row(table, "downtime", "ms", result.downtime(), Figures::of);
        row(table, "longest gap the guest saw", "ms", result.guestGap(), Figures::of);
        row(table, "content sent over total", "GB/s", result.rate(), rate -> Figures.of(rate / GIGA));
        row(table, "raw TCP, 1 connection", "GB/s", result.rawOne(), rate -> Figures.of(rate / GIGA));
        if (result.streams() > 1) {
            row(
                    table,
                    "raw TCP, " + result.streams() + " connections",
                    "GB/s",
                    result.rawStreams(),
                    rate -> Figures.of(rate / GIGA));
        }
        row(table, "  into fresh memory", "GB/s", result.rawFresh(), rate -> Figures.of(rate / GIGA));
        row(table, "first touch of free memory", "GB/s", result.touch(), rate -> Figures.of(rate / GIGA));
        row(table, "share of raw TCP", "", result.share(), Figures::ratio);
        row(table, "  into fresh memory", "", result.shareOfFresh(), Figures::ratio);
        row(table, "2 MiB coverage before", "", result.coverageBefore(), Figures::percent);
        row(table, "2 MiB coverage after", "", result.coverageAfter(), Figures::percent);
        table.print(out);
        out.println("The guest checked " + result.pagesVerified() + " pages at the end and found all of them right.");
    }

    private static void row(Table table, String what, String unit, Distribution d, DoubleFunction<String> text) {
        table.row(
                what,
                unit,
                text.apply(d.min()),
                text.apply(d.median()),
                text.apply(d.p90()),
                text.apply(d.max()),
                Figures.percent(d.spread()));
    }
}
