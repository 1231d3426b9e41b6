package dev.godwit.agent.cli;

import dev.godwit.agent.api.ApiClient;
import dev.godwit.agent.api.Version;
import dev.godwit.agent.config.Failure;
import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The command above all commands. */
@Command(
        name = "godwit",
        description = "Runs virtual machines on Linux KVM and migrates them live between hosts.",
        synopsisSubcommandLabel = "COMMAND",
        versionProvider = Godwit.VersionText.class,
        sortOptions = false,
        subcommands = {
            DemoCommand.class,
            CheckCommand.class,
            RunCommand.class,
            AgentCommand.class,
            MemoryHostCommand.class,
            CertsCommand.class,
            StartCommand.class,
            PsCommand.class,
            ShowCommand.class,
            HeatCommand.class,
            LogsCommand.class,
            InputCommand.class,
            PauseCommand.class,
            ResumeCommand.class,
            StopCommand.class,
            MigrateCommand.class,
            CancelCommand.class,
            SnapshotCommand.class,
            RestoreCommand.class
        },
        commandListHeading = "%nCommands (each has --help with an example):%n",
        footer = {
            "",
            "Examples:",
            "  godwit demo                     two agents on this machine, a guest migrated between them",
            "  godwit run hello                a guest in the foreground",
            "",
            ExitCode.HELP,
            "GODWIT_AGENT names the agent's socket, GODWIT_DEBUG=1 shows where a failure comes from."
        })
final class Godwit implements Runnable {
    private final Console console;

    @Spec
    private CommandSpec spec;

    @Option(
            names = "--agent",
            paramLabel = "SOCKET",
            description = "The agent to talk to; default $GODWIT_AGENT, then /run/godwit/api.sock.")
    private Path agent;

    Godwit(Console console) {
        this.console = console;
    }

    Console console() {
        return console;
    }

    /** A client of the agent that the command names, or else the user, or else the environment. */
    ApiClient client(Path ofCommand) {
        Path named = ofCommand == null ? agent : ofCommand;
        if (named != null && named.toString().isEmpty()) {
            throw Failure.badInput("--agent: the socket's path is missing");
        }
        return new ApiClient(named == null ? console.environment().agentSocket() : named);
    }

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "a command is missing");
    }

    /** The version in one line. */
    static final class VersionText implements IVersionProvider {
        @Override
        public String[] getVersion() {
            return new String[] {"godwit " + Version.TEXT};
        }
    }
}
