package dev.godwit.agent.cli;

import dev.godwit.agent.config.Environment;
import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.Quoted;
import dev.godwit.host.boot.ImageException;
import dev.godwit.host.kvm.KvmUnavailableException;
import dev.godwit.host.machine.MachineConfigException;
import java.io.InputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/** The command line's entry. */
public final class Main {
    private Main() {}

    /** Runs a command and ends the process with its exit status. */
    public static void main(String[] args) {
        System.exit(run(args, Console.ofProcess()));
    }

    /**
     * Runs a command in this process, without input.
     *
     * @return its exit status
     */
    public static int run(String[] args, PrintStream out, PrintStream err) {
        Console console = new Console(InputStream.nullInputStream(), out, err, Environment.ofProcess(), false);
        return run(args, console);
    }

    static int run(String[] args, Console console) {
        Godwit godwit = new Godwit(console);
        CommandLine line = new CommandLine(godwit);
        for (CommandExtension extension : ServiceLoader.load(CommandExtension.class)) {
            extension.commands().forEach(line::addSubcommand);
        }
        line.setExecutionExceptionHandler((e, command, parsed) -> failed(e, console));
        line.setParameterExceptionHandler((e, _) -> misused(e, console));
        line.setOut(new PrintWriter(console.out(), true, StandardCharsets.UTF_8));
        line.setErr(new PrintWriter(console.err(), true, StandardCharsets.UTF_8));
        addHelp(line);
        line.setUsageHelpAutoWidth(true);
        line.setColorScheme(CommandLine.Help.defaultColorScheme(
                console.terminal() && !console.environment().noColor()
                        ? CommandLine.Help.Ansi.ON
                        : CommandLine.Help.Ansi.OFF));
        int status = line.execute(args);
        console.out().flush();
        return status;
    }

    /** {@code --help} for every command, and {@code --version} for the one above. */
    private static void addHelp(CommandLine line) {
        line.getCommandSpec()
                .addOption(OptionSpec.builder("-V", "--version")
                        .versionHelp(true)
                        .description("Show the version.")
                        .build());
        Stream.concat(Stream.of(line), line.getSubcommands().values().stream())
                .map(CommandLine::getCommandSpec)
                .filter(spec -> spec.findOption("--help") == null)
                .forEach(spec -> spec.addOption(OptionSpec.builder("-h", "--help")
                        .usageHelp(true)
                        .description("Show this help.")
                        .build()));
    }

    private static int failed(Exception e, Console console) {
        if (console.environment().debug()) {
            e.printStackTrace(console.err());
        }
        return switch (e) {
            case Failure f -> say(console, f.getMessage(), ExitCode.of(f.kind()));
            case ImageException bad -> say(console, bad.getMessage(), ExitCode.USAGE);
            case MachineConfigException bad -> say(console, bad.getMessage(), ExitCode.USAGE);
            case TimedOut late -> say(console, late.getMessage(), ExitCode.TIMED_OUT);
            case TooLate late -> say(console, late.getMessage(), ExitCode.TOO_LATE);
            case KvmUnavailableException none -> say(console, none.getMessage(), ExitCode.NOT_CAPABLE);
            default ->
                say(
                        console,
                        "defect: " + e.toString().lines().findFirst().orElse("") + " (" + Environment.DEBUG
                                + "=1 shows where)",
                        ExitCode.FAILED);
        };
    }

    private static int misused(ParameterException e, Console console) {
        if (console.environment().debug()) {
            e.printStackTrace(console.err());
        }
        String message = words(e);
        String command = e.getCommandLine().getCommandSpec().qualifiedName();
        return say(
                console,
                message.substring(0, Math.min(1, message.length())).toLowerCase(Locale.ROOT)
                        + message.substring(Math.min(1, message.length())) + "; see " + command + " --help",
                ExitCode.USAGE);
    }

    private static String words(ParameterException e) {
        if (e instanceof UnmatchedArgumentException unmatched) {
            Set<String> known = e.getCommandLine().getSubcommands().keySet();
            String first = unmatched.getUnmatched().getFirst();
            if (!known.isEmpty() && !first.startsWith("-")) {
                return "unknown command " + Quoted.of(first) + "; known: " + String.join(", ", known);
            }
        }
        return e.getMessage()
                .lines()
                .findFirst()
                .orElse("")
                .replaceFirst("is not an? (int|long)$", "is not a whole number, or out of range")
                .replaceFirst("is not a double$", "is not a number");
    }

    private static int say(Console console, String message, int status) {
        console.out().flush();
        console.err().println("godwit: " + message);
        return status;
    }
}
