package dev.godwit.perf.cli;

import picocli.CommandLine.Option;

/** What all benchmarks understand. */
final class BenchOptions {
    static final String EXIT_STATUS =
            "Exit status: 0 fine, 1 it failed, 2 bad usage or bad input, 3 this host is not capable.";

    @Option(names = "--json", description = "Print the result as JSON.")
    boolean json;

    /** {@code --help}. */
    static final class Help {
        @Option(
                names = {"-h", "--help"},
                usageHelp = true,
                description = "Show this help.")
        boolean asked;
    }
}
