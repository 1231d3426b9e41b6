package dev.godwit.perf.cli;

import dev.godwit.agent.api.Json;
import dev.godwit.agent.config.Failure;
import dev.godwit.perf.jmh.AgainstC;
import dev.godwit.perf.jmh.MicroResult;
import dev.godwit.perf.jmh.MicroRun;
import dev.godwit.perf.report.Comparison;
import dev.godwit.perf.report.ComparisonText;
import dev.godwit.perf.report.Figures;
import dev.godwit.perf.report.Table;
import java.io.PrintWriter;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
        name = "jmh",
        description =
                "Micro-benchmarks: an exit's round trip, an ioctl, bitmaps, zero pages; and the same in C, built here"
                        + " by gcc, in turns.",
        sortOptions = false,
        footer = {
            "",
            "Examples:",
            "  godwit bench jmh                all of it, in less than two minutes",
            "  godwit bench jmh exit --json    only what has 'exit' in its name",
            "",
            BenchOptions.EXIT_STATUS
        })
final class JmhCommand implements Callable<Integer> {
    private static final int WARMUPS = 3;
    private static final int ROUNDS = 15;
    private static final int FULL_ROUNDS = 100;

    @Spec
    private CommandSpec spec;

    @Parameters(
            arity = "0..1",
            paramLabel = "REGEX",
            defaultValue = "",
            description = "Only benchmarks with a name in which this is found; case does not matter.")
    private String filter;

    @Option(names = "--full", description = "Take about half an hour, for figures to publish.")
    private boolean full;

    @Mixin
    private BenchOptions options;

    @Mixin
    BenchOptions.Help help;

    /** What {@code --json} prints. */
    record Result(List<MicroResult> benchmarks, List<Comparison> comparisons) {}

    @Override
    public Integer call() throws Exception {
        Pattern what = pattern();
        BenchOptions.needKvm();
        Consumer<String> progress = options.progress(spec);
        List<Comparison> comparisons;
        progress.accept("Measuring against C, in turns …");
        try (AgainstC c = new AgainstC(WARMUPS, full ? FULL_ROUNDS : ROUNDS)) {
            comparisons = c.run(what);
        }
        progress.accept("Running JMH …");
        List<MicroResult> micro = MicroRun.run(what, full ? MicroRun.Effort.FULL : MicroRun.Effort.QUICK);
        if (comparisons.isEmpty() && micro.isEmpty()) {
            throw Failure.badInput("no benchmark has a name in which " + filter + " is found");
        }
        print(new Result(micro, comparisons), spec.commandLine().getOut());
        return 0;
    }

    private Pattern pattern() {
        try {
            return Pattern.compile(filter, Pattern.CASE_INSENSITIVE);
        } catch (PatternSyntaxException e) {
            throw Failure.badInput("REGEX: " + e.getDescription() + " in " + filter);
        }
    }

    private void print(Result result, PrintWriter out) {
        if (options.json) {
            out.println(Json.pretty(result));
            out.flush();
            return;
        }
        if (!result.comparisons().isEmpty()) {
            ComparisonText.print(result.comparisons(), out);
        }
        if (!result.benchmarks().isEmpty()) {
            out.println();
            Table table = new Table("benchmark", "parameters", "mean", "± (99.9 %)", "unit");
            for (MicroResult r : result.benchmarks()) {
                table.row(r.benchmark(), r.parameters(), Figures.of(r.score()), Figures.of(r.error()), r.unit());
            }
            table.print(out);
        }
    }
}
