package dev.godwit.agent.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

@Command(
        name = "pause",
        description = "Holds a guest where it is; its memory stays.",
        sortOptions = false,
        footer = {"", "Example:", "  godwit --agent /tmp/a/api.sock pause web", "", ExitCode.HELP})
final class PauseCommand extends AgentAccess {
    @Parameters(paramLabel = "NAME", description = "The guest.")
    private String name;

    @Override
    public Integer call() {
        out().println("guest " + name + " is " + client().pause(name).state());
        return ExitCode.OK;
    }
}
