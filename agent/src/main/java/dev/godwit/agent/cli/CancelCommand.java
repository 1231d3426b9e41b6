package dev.godwit.agent.cli;

import dev.godwit.agent.api.ApiClient;
import dev.godwit.agent.api.MigrationView;
import dev.godwit.agent.config.Failure;
import java.time.Duration;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

@Command(
        name = "cancel",
        description = "Cancels a guest's migration, whoever has begun it: the guest goes on where it is.",
        sortOptions = false,
        footer = {"", "Example:", "  godwit --agent /tmp/a/api.sock cancel web", "", ExitCode.HELP})
final class CancelCommand extends AgentAccess {
    private static final Duration LOOK = Duration.ofSeconds(1);

    @Parameters(paramLabel = "NAME", description = "The guest.")
    private String name;

    @Override
    public Integer call() {
        ApiClient client = client();
        String id = client.guest(name).migration();
        if (id == null) {
            throw Failure.conflict("guest " + name + " is not migrating");
        }
        MigrationView migration = client.cancel(id);
        while (!migration.done()) {
            migration = client.migration(id, LOOK);
        }
        if (migration.error() == null) {
            throw Failure.conflict("guest " + name + " has changed sides already");
        }
        out().println("guest " + name + " is not migrated: " + migration.error());
        return ExitCode.OK;
    }
}
