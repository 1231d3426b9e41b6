package dev.godwit.perf.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
        name = "bench",
        description = "Measures Godwit on this machine; what is compared is measured in turns in one run.",
        sortOptions = false,
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {
            JmhCommand.class,
            StartCommand.class,
            MigrateCommand.class,
            HeatBenchCommand.class,
            TargetsCommand.class
        },
        footer = {
            "",
            "Examples:",
            "  godwit bench jmh                exits, ioctls, bitmaps and zero pages, and the same in C",
            "  godwit bench start              from the API call to the first instruction; memory of idle guests",
            "  godwit bench migrate            migrations back and forth, against raw TCP",
            "  godwit bench migrate --peer qemu --quick    the same on QEMU, side by side",
            "  godwit bench heat               access tracking against what a guest really did",
            "  godwit bench targets            what migration is to reach, and whether it does",
            "",
            BenchOptions.EXIT_STATUS
        })
final class BenchCommand implements Runnable {
    @Spec
    private CommandSpec spec;

    @Mixin
    BenchOptions.Help help;

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "a command is missing");
    }
}
