package dev.godwit.agent.cli;

import dev.godwit.agent.api.GuestView;
import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "restore",
        description = "Builds a guest from a snapshot, which it goes on from; the file stays as it is.",
        sortOptions = false,
        footer = {"", "Example:", "  godwit --agent /tmp/a/api.sock restore web2 web.snap", "", ExitCode.HELP})
final class RestoreCommand extends AgentAccess {
    @Parameters(index = "0", paramLabel = "NAME", description = "What it is to be called.")
    private String name;

    @Parameters(index = "1", paramLabel = "FILE", description = "The snapshot, on the agent's host.")
    private Path file;

    @Option(names = "--paused", description = "Do not let it run yet; resume does.")
    private boolean paused;

    @Option(names = "--json", description = "Print the guest as JSON.")
    private boolean json;

    @Override
    public Integer call() {
        GuestView guest = client().restore(name, filePath(file), paused);
        if (json) {
            printJson(guest);
        } else {
            out().println(GuestText.begun(guest));
            if (guest.notRestored() != null) {
                guest.notRestored().forEach(part -> out().println("not restored: " + part));
            }
        }
        return ExitCode.OK;
    }
}
