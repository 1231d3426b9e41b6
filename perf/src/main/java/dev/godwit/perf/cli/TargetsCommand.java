package dev.godwit.perf.cli;

import dev.godwit.agent.api.Json;
import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.Sizes;
import dev.godwit.perf.peer.Qemu;
import dev.godwit.perf.targets.TargetFiles;
import dev.godwit.perf.targets.TargetResult;
import dev.godwit.perf.targets.TargetRow;
import dev.godwit.perf.targets.TargetText;
import dev.godwit.perf.targets.TargetsScenario;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
        name = "targets",
        description = "What migration is to reach, row by row: measured, with what it is compared by in the same run,"
                + " and whether it is reached.",
        sortOptions = false,
        footer = {
            "",
            "Examples:",
            "  godwit bench targets --qemu /opt/qemu/bin/qemu-system-x86_64 --out /tmp/targets",
            "  godwit bench targets --row fault,zero --runs 3",
            "",
            BenchOptions.EXIT_STATUS
        })
final class TargetsCommand implements Callable<Integer> {
    private static final int MAX_RUNS = 1000;
    private static final int LARGE = 2 << 20;
    /** A quarter of it is the smallest guest. */
    private static final long LEAST_MEMORY = 64L << 20;

    @Spec
    private CommandSpec spec;

    @Option(
            names = "--row",
            paramLabel = "LIST",
            defaultValue = "all",
            description = "Rows between commas, or all. There are total-time, throughput, gap-precopy, gap-hybrid,"
                    + " converge, resume, fault, zero, hot-first, coverage, tracking, restore, memory-host. Default:"
                    + " ${DEFAULT-VALUE}.")
    private String rows;

    @Option(
            names = "--runs",
            paramLabel = "N",
            defaultValue = "5",
            description = "Migrations by each. Default: ${DEFAULT-VALUE}.")
    private int runs;

    @Option(
            names = "--warm-up",
            paramLabel = "N",
            defaultValue = "1",
            description = "Migrations before those, which do not count. Default: ${DEFAULT-VALUE}.")
    private int warmups;

    @Option(
            names = {"-m", "--memory"},
            paramLabel = "SIZE",
            defaultValue = "1g",
            description = "RAM of a guest, for a first look; some rows also take four or eight times as much. The"
                    + " targets are meant for the default, ${DEFAULT-VALUE}.")
    private String memory;

    @Option(
            names = "--qemu",
            paramLabel = "PATH",
            description = "The QEMU to compare with; the targets are against QEMU 10. Default: " + Qemu.DEFAULT_PROGRAM
                    + " on the PATH, if there is one.")
    private String program;

    @Option(
            names = "--cold",
            description = "Measure the total time also with the host's free memory cold, see perf/README.md.")
    private boolean cold;

    @Option(
            names = "--ready-memory",
            paramLabel = "SIZE",
            description =
                    "Memory that is ready for guests that arrive at Godwit's target (godwit agent --ready-memory)."
                            + " QEMU's target has all of its guest's preallocated then, and total-time measures it"
                            + " without, too; with 0, neither has. Default: as --memory.")
    private String readyMemory;

    @Option(names = "--out", paramLabel = "DIR", description = "Keep targets.txt and targets.json there.")
    private Path out;

    @Mixin
    private BenchOptions options;

    @Mixin
    BenchOptions.Help help;

    @Override
    public Integer call() {
        List<TargetRow> which = PeerOptions.list("--row", rows, List.of(TargetRow.values()), TargetsCommand::row);
        BenchOptions.range("--runs", runs, 1, MAX_RUNS);
        BenchOptions.range("--warm-up", warmups, 0, MAX_RUNS);
        long bytes = Sizes.parse("--memory", memory);
        if (bytes % (4 * LARGE) != 0 || bytes < LEAST_MEMORY) {
            throw Failure.badInput("--memory: a multiple of 8m from 64m on is right, not " + memory);
        }
        Qemu qemu = qemu();
        BenchOptions.needKvm();
        TargetResult result = new TargetsScenario(
                        which,
                        bytes,
                        warmups,
                        runs,
                        qemu,
                        cold,
                        readyBytes(bytes),
                        PeerOptions.portable(spec.commandLine().getParseResult().originalArgs()))
                .run(options.progress(spec));
        if (out != null) {
            TargetFiles.write(result, out);
        }
        PrintWriter text = spec.commandLine().getOut();
        if (options.json) {
            text.println(Json.pretty(result));
        } else {
            TargetText.print(result, text);
        }
        text.flush();
        return 0;
    }

    private long readyBytes(long memoryBytes) {
        return readyMemory == null ? memoryBytes : BenchOptions.readyBytes(readyMemory);
    }

    /** One that is named has to be there. */
    private Qemu qemu() {
        if (program != null) {
            return Qemu.find(program);
        }
        try {
            return Qemu.find(Qemu.DEFAULT_PROGRAM);
        } catch (Failure e) {
            return null;
        }
    }

    private static TargetRow row(String name) {
        return Arrays.stream(TargetRow.values())
                .filter(row -> row.text().equals(name))
                .findFirst()
                .orElseThrow(() -> Failure.badInput("--row: " + name + " is none of " + TargetRow.names() + ", all"));
    }
}
