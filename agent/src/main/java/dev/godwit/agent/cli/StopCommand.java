package dev.godwit.agent.cli;

import dev.godwit.agent.api.ApiClient;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "stop",
        description =
                "Ends a guest, at once and without asking it, and forgets it; or forgets one that ended by itself.",
        sortOptions = false,
        footer = {"", "Example:", "  godwit --agent /tmp/a/api.sock stop web", "", ExitCode.HELP})
final class StopCommand extends AgentAccess {
    @Parameters(paramLabel = "NAME", description = "The guest.")
    private String name;

    @Option(names = "--keep", description = "Do not forget it: ps goes on listing it, logs goes on showing its log.")
    private boolean keep;

    @Override
    public Integer call() {
        ApiClient client = client();
        if (keep) {
            client.stop(name);
        } else {
            client.remove(name);
        }
        out().println("guest " + name + " is stopped");
        return ExitCode.OK;
    }
}
