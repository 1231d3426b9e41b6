package dev.godwit.agent.cli;

import dev.godwit.agent.api.ApiClient;
import dev.godwit.agent.api.MigrationView;
import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.Sizes;
import dev.godwit.agent.migration.MigrationPhase;
import java.time.Duration;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "cancel",
        description = "Cancels a guest's migration, whoever has begun it: the guest goes on where it is.",
        sortOptions = false,
        footer = {
            "",
            "Once the guest may run at the other agent it is too late.",
            "",
            "Example:",
            "  godwit --agent /tmp/a/api.sock cancel web",
            "",
            "Exit status: 0 fine, 1 it failed, 2 bad usage or bad input, 4 too late: the guest has changed sides."
        })
final class CancelCommand extends AgentAccess {
    private static final Duration LOOK = Duration.ofSeconds(1);

    @Parameters(paramLabel = "NAME", description = "The guest.")
    private String name;

    @Option(
            names = "--force",
            description =
                    "Also when the guest runs at the other agent and its memory still follows it, but that agent cannot"
                            + " be reached. Only when you know that it is gone for good: what it lacks of its memory is"
                            + " given up, so the guest is lost. If it lives after all, it waits for that memory for"
                            + " ever: stop it there. While the other agent is reached nothing is given up.")
    private boolean force;

    @Override
    public Integer call() {
        ApiClient client = client();
        String id = client.guest(name).migration();
        if (id == null) {
            throw Failure.conflict("guest " + name + " is not migrating");
        }
        MigrationView migration = cancel(client, id);
        while (!migration.done()) {
            checkInTime(migration);
            migration = client.migration(id, LOOK);
            if (force && !migration.done()) {
                // The other agent may be reached again: then this says so.
                migration = cancel(client, id);
            }
        }
        if (migration.error() == null) {
            throw new TooLate("guest " + name + " has changed sides already");
        }
        boolean lost = "lost".equals(migration.errorKind());
        out().println("guest " + name + (lost ? " is lost: " : " is not migrated: ") + migration.error());
        return ExitCode.OK;
    }

    private MigrationView cancel(ApiClient client, String id) {
        try {
            return client.cancel(id, force);
        } catch (Failure e) {
            if (e.kind() == Failure.Kind.CONFLICT) {
                // The target is reached, and nothing is given up.
                throw new TooLate("too late: " + e.getMessage());
            }
            throw e;
        }
    }

    private void checkInTime(MigrationView migration) {
        String phase = migration.progress().phase();
        if (phase.equals(MigrationPhase.IN_DOUBT.text())) {
            throw new TooLate("too late: guest " + name + " is in doubt, " + migration.target()
                    + " may run it; make sure that it does not, then: godwit resume " + name + " --force");
        }
        if (phase.equals(MigrationPhase.POSTCOPY.text()) && !force) {
            throw new TooLate("too late: guest " + name + " runs at " + migration.target() + ", and "
                    + Sizes.human(migration.progress().remainingBytes())
                    + " of its memory have still to follow it; if " + migration.target()
                    + " is gone for good, so is the guest: godwit cancel " + name + " --force");
        }
    }
}
