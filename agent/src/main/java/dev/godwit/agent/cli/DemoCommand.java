package dev.godwit.agent.cli;

import picocli.CommandLine.Command;

@Command(name = "demo", description = "Not built yet.")
final class DemoCommand extends AgentAccess {
    @Override
    public Integer call() {
        return ExitCode.OK;
    }
}
