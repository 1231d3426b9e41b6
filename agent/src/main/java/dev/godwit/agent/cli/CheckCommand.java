package dev.godwit.agent.cli;

import picocli.CommandLine.Command;

@Command(name = "check", description = "Not built yet.")
final class CheckCommand extends AgentAccess {
    @Override
    public Integer call() {
        return ExitCode.OK;
    }
}
