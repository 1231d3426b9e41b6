package dev.godwit.agent.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "resume",
        description = "Lets a paused guest go on.",
        sortOptions = false,
        footer = {"", "Example:", "  godwit --agent /tmp/a/api.sock resume web", "", ExitCode.HELP})
final class ResumeCommand extends AgentAccess {
    @Parameters(paramLabel = "NAME", description = "The guest.")
    private String name;

    @Option(
            names = "--force",
            description =
                    "Also a guest that is in doubt. Only when you know that no other agent runs it: two copies of one"
                            + " guest would go different ways.")
    private boolean force;

    @Override
    public Integer call() {
        out().println("guest " + name + " is " + client().resume(name, force).state());
        return ExitCode.OK;
    }
}
