package dev.godwit.agent.cli;

import dev.godwit.agent.api.ApiClient;
import dev.godwit.agent.api.Json;
import dev.godwit.agent.config.Failure;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

/** A command that talks to an agent. */
abstract class AgentAccess implements Callable<Integer> {
    @ParentCommand
    private Godwit godwit;

    @Option(names = "--agent", paramLabel = "SOCKET", description = "The agent to talk to; see godwit --help.")
    private Path agent;

    final ApiClient client() {
        return godwit.client(agent);
    }

    final Console console() {
        return godwit.console();
    }

    final PrintStream out() {
        return godwit.console().out();
    }

    /** The path by which the agent, which has another working directory, finds a file. */
    static Path filePath(Path file) {
        if (file.toString().isEmpty()) {
            throw Failure.badInput("the file's name is missing");
        }
        return file.toAbsolutePath().normalize();
    }

    final void printJson(Object value) {
        out().println(Json.pretty(value));
    }
}
