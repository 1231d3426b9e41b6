package dev.godwit.perf.jmh;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.BenchmarkList;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.format.OutputFormatFactory;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/** Runs the benchmarks of this package by JMH. */
public final class MicroRun {
    /** How long it may take. */
    public enum Effort {
        /** In this process, one iteration of 10 ms: only to see that it works. */
        SMOKE(0, 0, 1, 10),
        /** One process of each benchmark, 64 GiB bitmaps only. */
        QUICK(1, 1, 3, 300),
        /** What one would publish. */
        FULL(3, 5, 5, 1000);

        private final int forks;
        private final int warmups;
        private final int iterations;
        private final int millis;

        Effort(int forks, int warmups, int iterations, int millis) {
            this.forks = forks;
            this.warmups = warmups;
            this.iterations = iterations;
            this.millis = millis;
        }
    }

    private static final String PACKAGE = MicroRun.class.getPackageName() + ".";

    private MicroRun() {}

    /** The benchmarks that match, class and method. */
    public static List<String> list(Pattern what) {
        return BenchmarkList.defaultList()
                .getAll(
                        OutputFormatFactory.createFormatInstance(
                                new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8),
                                VerboseMode.SILENT),
                        List.of())
                .stream()
                .map(entry -> entry.getUsername().replace(PACKAGE, ""))
                .filter(name -> what.matcher(name).find())
                .sorted()
                .toList();
    }

    /** Runs the benchmarks that match. */
    public static List<MicroResult> run(Pattern what, Effort effort) throws RunnerException, IOException {
        List<String> names = list(what);
        if (names.isEmpty()) {
            return List.of();
        }
        ChainedOptionsBuilder options = new OptionsBuilder()
                .verbosity(VerboseMode.SILENT)
                .forks(effort.forks)
                .warmupIterations(effort.warmups)
                .warmupTime(TimeValue.milliseconds(effort.millis))
                .measurementIterations(effort.iterations)
                .measurementTime(TimeValue.milliseconds(effort.millis))
                .shouldFailOnError(true)
                // What is measured is what an agent runs with.
                .jvmArgs(
                        ManagementFactory.getRuntimeMXBean().getInputArguments().toArray(String[]::new));
        names.forEach(name -> options.include("^" + Pattern.quote(PACKAGE + name) + "$"));
        if (effort != Effort.FULL) {
            options.param("memory", "64g");
        }
        Collection<RunResult> results = new Runner(options.build()).run();
        return results.stream().map(MicroRun::result).toList();
    }

    private static MicroResult result(RunResult run) {
        BenchmarkParams params = run.getParams();
        Result<?> primary = run.getPrimaryResult();
        double error = primary.getScoreError();
        return new MicroResult(
                params.getBenchmark().replace(PACKAGE, ""),
                params.getParamsKeys().stream()
                        .sorted()
                        .map(key -> key + "=" + params.getParam(key))
                        .collect(Collectors.joining(" ")),
                primary.getScoreUnit(),
                primary.getScore(),
                Double.isFinite(error) ? error : 0,
                primary.getSampleCount());
    }
}
