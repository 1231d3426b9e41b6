package dev.godwit.agent.cli;

import dev.godwit.agent.api.GuestView;
import dev.godwit.agent.config.Failure;
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
    private static final long LOOK_MILLIS = 50;

    @Parameters(index = "0", paramLabel = "NAME", description = "What it is to be called.")
    private String name;

    @Parameters(index = "1", paramLabel = "FILE", description = "The snapshot, on the agent's host.")
    private Path file;

    @Option(names = "--paused", description = "Do not let it run yet; resume does.")
    private boolean paused;

    @Option(
            names = "--wait",
            description = "Wait until all of its memory has been brought out of the file, and checked; else it runs at"
                    + " once, and is stopped should the file turn out to be damaged.")
    private boolean wait;

    @Option(names = "--json", description = "Print the guest as JSON.")
    private boolean json;

    @Override
    public Integer call() throws InterruptedException {
        GuestView guest = client().restore(name, filePath(file), paused);
        if (wait) {
            guest = awaitMemory(guest);
        }
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

    private GuestView awaitMemory(GuestView begun) throws InterruptedException {
        GuestView guest = begun;
        while (guest.incomplete() != null && guest.reason() == null) {
            Thread.sleep(LOOK_MILLIS);
            guest = client().guest(name);
            if (!guest.createdAt().equals(begun.createdAt())) {
                throw Failure.failed("guest " + name + " was removed before all of its memory was checked");
            }
        }
        if (guest.incomplete() != null) {
            throw Failure.failed("guest " + name + " ended before all of its memory was checked: "
                    + (guest.detail() == null ? guest.reason() : guest.detail()));
        }
        return guest;
    }
}
