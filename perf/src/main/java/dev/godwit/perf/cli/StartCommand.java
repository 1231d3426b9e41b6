package dev.godwit.perf.cli;

import dev.godwit.agent.api.Json;
import dev.godwit.agent.config.Sizes;
import dev.godwit.perf.report.Distribution;
import dev.godwit.perf.report.Figures;
import dev.godwit.perf.report.Table;
import dev.godwit.perf.scenario.StartResult;
import dev.godwit.perf.scenario.StartScenario;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
        name = "start",
        description =
                "How long a guest takes to its first instruction and its first serial byte on a warm agent, and what"
                        + " memory an idle guest costs beside its RAM.",
        sortOptions = false,
        footer = {
            "",
            "Starts an agent for this, or uses the one that godwit --agent names.",
            "",
            "Example:",
            "  godwit bench start --memory 256m --runs 100",
            "",
            BenchOptions.EXIT_STATUS
        })
final class StartCommand implements Callable<Integer> {
    private static final int MAX_RUNS = 100_000;
    private static final int MAX_IDLE = 1000;

    @Spec
    private CommandSpec spec;

    @Option(
            names = {"-m", "--memory"},
            paramLabel = "SIZE",
            defaultValue = "256m",
            description = "RAM of each guest. Default: ${DEFAULT-VALUE}.")
    private String memory;

    @Option(
            names = "--runs",
            paramLabel = "N",
            defaultValue = "100",
            description = "Starts. Default: ${DEFAULT-VALUE}.")
    private int runs;

    @Option(
            names = "--warm-up",
            paramLabel = "N",
            defaultValue = "50",
            description = "Starts before those, which do not count. Default: ${DEFAULT-VALUE}.")
    private int warmups;

    @Option(
            names = "--idle",
            paramLabel = "N",
            defaultValue = "50",
            description = "Idle guests of 16 MiB to start at the end, or 0. Default: ${DEFAULT-VALUE}.")
    private int idle;

    @Mixin
    private BenchOptions options;

    @Mixin
    BenchOptions.Help help;

    @Override
    public Integer call() {
        BenchOptions.range("--runs", runs, 1, MAX_RUNS);
        BenchOptions.range("--warm-up", warmups, 0, MAX_RUNS);
        BenchOptions.range("--idle", idle, 0, MAX_IDLE);
        Path agent = spec.root().findOption("--agent").getValue();
        long memoryBytes = Sizes.parse("--memory", memory);
        BenchOptions.needKvm();
        StartResult result = new StartScenario(agent, memoryBytes, warmups, runs, idle).run(options.progress(spec));
        PrintWriter out = spec.commandLine().getOut();
        if (options.json) {
            out.println(Json.pretty(result));
        } else {
            print(result, out);
        }
        out.flush();
        return 0;
    }

    private static void print(StartResult result, PrintWriter out) {
        out.println("A guest of " + Sizes.human(result.memoryBytes()) + ", " + result.runs()
                + " starts, milliseconds from the API call to");
        Table table = new Table("", "min", "median", "p90", "max", "target");
        row(
                table,
                "first instruction",
                result.firstInstruction(),
                "< " + Figures.of(result.firstInstructionTarget())
                        + (result.firstInstructionMet() ? ", met" : ", MISSED"));
        row(table, "  of it in the agent", result.firstInstructionInAgent(), "");
        row(table, "the agent's answer", result.answer(), "");
        row(table, "first serial byte", result.firstByte(), "");
        table.print(out);
        StartResult.Idle idle = result.idle();
        if (idle != null) {
            out.println();
            out.println("An idle guest of " + Sizes.human(idle.guestMemoryBytes()) + " costs the agent "
                    + Sizes.human(idle.residentBytes()) + " of resident memory beside its RAM, of which "
                    + Sizes.human(idle.guestResidentBytes()) + " are resident (" + idle.guests() + " guests; target < "
                    + Sizes.human(idle.target()) + ", " + (idle.met() ? "met" : "MISSED") + ").");
        }
    }

    private static void row(Table table, String what, Distribution d, String target) {
        table.row(what, Figures.of(d.min()), Figures.of(d.median()), Figures.of(d.p90()), Figures.of(d.max()), target);
    }
}
