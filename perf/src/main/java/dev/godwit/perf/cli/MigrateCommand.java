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
import dev.godwit.perf.scenario.PeerFiles;
import dev.godwit.perf.scenario.PeerResult;
import dev.godwit.perf.scenario.PeerScenario;
import dev.godwit.perf.scenario.PeerText;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.DoubleFunction;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
        name = "migrate",
        description = "Migrates a guest back and forth between two agents on this machine: total time, pause, what the"
                + " guest noticed, and throughput as a share of what TCP carries over the loopback in the same run."
                + " With --peer qemu: the same guests in turns on Godwit and on QEMU.",
        sortOptions = false,
        footer = {
            "",
            "Guests: idle (all RAM unique, nothing written), steady, random and hotcold (64 MiB of it rewritten all"
                + " the time), dirty (256 MiB as fast as can be), zipf (reads all RAM by Zipf's law, writes little),"
                + " smp (steady on 2 vCPUs), zero (nearly all zero).",
            "",
            "Examples:",
            "  godwit bench migrate --guest idle --memory 1g --runs 10",
            "  godwit bench migrate --guest steady --streams 4 --out /tmp/steady",
            "  godwit bench migrate --peer qemu --quick",
            "  godwit bench migrate --peer qemu --guest all --rate all --runs 3 --out /tmp/report",
            "",
            BenchOptions.EXIT_STATUS
        })
final class MigrateCommand implements Callable<Integer> {
    private static final int MAX_RUNS = 100_000;
    private static final int RUNS = 10;
    private static final int WARMUPS = 2;
    private static final long DEFAULT_MEMORY = 1L << 30;
    private static final double GIGA = 1e9;
    private static final double KILO = 1e3;

    @Spec
    private CommandSpec spec;

    @Option(
            names = "--guest",
            paramLabel = "KIND",
            description = "What is migrated, see below; with --peer also several between commas, or all. Default: idle,"
                    + " with --peer idle,steady.")
    private String guest;

    @Option(
            names = {"-m", "--memory"},
            paramLabel = "SIZE",
            description = "Its RAM. Default: 1g.")
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
            description = "Migrations. Default: " + RUNS + ", with --peer " + PeerOptions.RUNS + " by each.")
    private Integer runs;

    @Option(
            names = "--warm-up",
            paramLabel = "N",
            description = "Migrations before those, which do not count. Default: " + WARMUPS + ", with --peer "
                    + PeerOptions.WARMUPS + ".")
    private Integer warmups;

    @Option(
            names = "--streams",
            paramLabel = "N",
            description = "Data connections, 1 to 16. Default: the agent's, " + MigrationOptions.DEFAULT_STREAMS + ".")
    private int streams = MigrationOptions.DEFAULT.streams();

    @Option(
            names = "--downtime",
            paramLabel = "TIME",
            description = "The pause to plan for. Default: the agent's, 300ms.")
    private String downtime;

    @Option(
            names = "--out",
            paramLabel = "DIR",
            description = "Keep result.json and latency.hlog there; with --peer also report.txt, report.html and"
                    + " percentiles.")
    private Path out;

    @Mixin
    private PeerOptions peer;

    @Mixin
    private BenchOptions options;

    @Mixin
    BenchOptions.Help help;

    @Override
    public Integer call() {
        BenchOptions.range("--runs", runs == null ? RUNS : runs, 1, MAX_RUNS);
        BenchOptions.range("--warm-up", warmups == null ? WARMUPS : warmups, 0, MAX_RUNS);
        BenchOptions.range("--streams", streams, 1, MigrationOptions.MAX_STREAMS);
        Long memoryBytes = memory == null ? null : Sizes.parse("--memory", memory);
        Duration pause = downtime == null ? null : Durations.parse("--downtime", downtime);
        return peer.isAsked() ? sideBySide(memoryBytes, pause) : alone(memoryBytes, pause);
    }

    private int alone(Long memoryBytes, Duration pause) {
        long bytes = memoryBytes == null ? DEFAULT_MEMORY : memoryBytes;
        List<GuestKind> kinds = GuestKinds.parse(guest == null ? "idle" : guest, bytes);
        if (kinds.size() > 1) {
            throw Failure.badInput("--guest: several need --peer qemu or --peer none");
        }
        BenchOptions.needKvm();
        MigrateResult result = new MigrateScenario(
                        kinds.getFirst(),
                        bytes,
                        cpus,
                        streams,
                        pause == null ? null : pause.toMillis(),
                        warmups == null ? WARMUPS : warmups,
                        runs == null ? RUNS : runs,
                        0)
                .run(options.progress(spec));
        if (out != null) {
            MigrateFiles.write(result, out);
        }
        print(result, () -> print(result, spec.commandLine().getOut()));
        return 0;
    }

    private int sideBySide(Long memoryBytes, Duration pause) {
        PeerScenario scenario = peer.scenario(
                new PeerOptions.Common(
                        guest,
                        memoryBytes,
                        cpus,
                        streams,
                        pause == null ? MigrationOptions.DEFAULT.downtime() : pause,
                        warmups,
                        runs),
                PeerOptions.portable(spec.commandLine().getParseResult().originalArgs()));
        BenchOptions.needKvm();
        PeerResult result = scenario.run(options.progress(spec));
        if (out != null) {
            PeerFiles.write(result, out);
        }
        print(result, () -> PeerText.print(result, spec.commandLine().getOut()));
        return 0;
    }

    private void print(Object result, Runnable asText) {
        PrintWriter text = spec.commandLine().getOut();
        if (options.json) {
            text.println(Json.pretty(result));
        } else {
            asText.run();
        }
        text.flush();
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
        row(table, "  from memory to memory", "GB/s", result.rawMemory(), rate -> Figures.of(rate / GIGA));
        row(table, "  into fresh memory", "GB/s", result.rawFresh(), rate -> Figures.of(rate / GIGA));
        row(table, "first touch of free memory", "GB/s", result.touch(), rate -> Figures.of(rate / GIGA));
        row(table, "share of raw TCP", "", result.share(), Figures::ratio);
        row(table, "  from memory to memory", "", result.shareOfMemory(), Figures::ratio);
        row(table, "  into fresh memory", "", result.shareOfFresh(), Figures::ratio);
        row(table, "2 MiB coverage before", "", result.coverageBefore(), Figures::percent);
        row(table, "2 MiB coverage right after", "", result.coverageAfter(), Figures::percent);
        row(table, "2 MiB coverage 1 s after", "", result.coverageLater(), Figures::percent);
        if (result.workBefore().max() > 0) {
            row(table, "guest's work before", "k/s", result.workBefore(), work -> Figures.of(work / KILO));
            row(table, "guest's work after", "k/s", result.workAfter(), work -> Figures.of(work / KILO));
        }
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
