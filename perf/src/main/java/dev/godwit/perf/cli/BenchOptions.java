package dev.godwit.perf.cli;

import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.Sizes;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.memory.PageSize;
import java.util.function.Consumer;
import picocli.CommandLine.Model.CommandSpec;
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

    /** Where to say what is being done: standard error, unless the result is JSON. */
    Consumer<String> progress(CommandSpec spec) {
        return json ? line -> {} : line -> spec.commandLine().getErr().println(line);
    }

    /**
     * Says what is wrong with this host before anything starts.
     *
     * @throws dev.godwit.host.kvm.KvmUnavailableException when it runs no guests
     */
    static void needKvm() {
        Kvm.open().close();
    }

    /** The value of {@code --ready-memory}, in bytes. */
    static long readyBytes(String text) {
        long bytes = Sizes.parse("--ready-memory", text);
        if (bytes % PageSize.LARGE != 0) {
            throw Failure.badInput("--ready-memory: a multiple of 2m is right, not " + text);
        }
        return bytes;
    }

    /** Checks a number. */
    static void range(String option, long value, long least, long most) {
        if (value < least || value > most) {
            throw Failure.badInput(option + ": " + least + " to " + most + " are right, not " + value);
        }
    }
}
