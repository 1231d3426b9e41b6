package dev.godwit.agent.inventory;

import dev.godwit.agent.config.NetworkPolicy;
import dev.godwit.agent.migration.Migration;
import dev.godwit.agent.migration.MigrationException;
import dev.godwit.agent.migration.MigrationProgress;
import dev.godwit.agent.migration.MigrationReport;
import dev.godwit.agent.stream.Bandwidth;
import dev.godwit.agent.transport.Credentials;

/** Live migration over the network. */
public record EngineMover(Migration migration) implements Mover {
    /**
     * Makes migrations to agents that believe the credentials.
     *
     * @param shared what all of them together are held to
     */
    public static Factory with(Credentials credentials, Bandwidth shared) {
        return (machine, guest, remote, target, options) -> {
            NetworkPolicy.check("target", target, credentials);
            return new EngineMover(new Migration(machine, guest, remote, target, credentials, options, shared));
        };
    }

    @Override
    public MigrationReport run() throws MigrationException {
        return migration.run();
    }

    @Override
    public MigrationProgress progress() {
        return migration.progress();
    }

    @Override
    public void cancel() {
        migration.cancel();
    }

    @Override
    public void shutDown() {
        migration.shutDown();
    }

    @Override
    public boolean giveUp() {
        return migration.giveUp();
    }

    @Override
    public void overruleDoubt() {
        migration.overruleDoubt();
    }

    @Override
    public MigrationReport report() {
        return migration.report();
    }
}
