package dev.godwit.agent.api;

import dev.godwit.agent.inventory.Mover;
import dev.godwit.agent.migration.GuestDescription;
import dev.godwit.agent.migration.MigrationException;
import dev.godwit.agent.migration.MigrationOptions;
import dev.godwit.agent.migration.MigrationProgress;
import dev.godwit.agent.migration.MigrationReport;
import dev.godwit.agent.transport.Secret;
import dev.godwit.host.machine.Machine;
import java.net.InetSocketAddress;

final class EngineMovers implements Mover.Factory {
    EngineMovers(Secret secret) {}

    @Override
    public Mover create(Machine machine, GuestDescription guest, InetSocketAddress target, MigrationOptions options) {
        return new Mover() {
            @Override
            public MigrationReport run() throws MigrationException {
                throw new MigrationException(MigrationException.Kind.INTERNAL, "no engine yet");
            }

            @Override
            public MigrationProgress progress() {
                return MigrationProgress.NONE;
            }

            @Override
            public void cancel() {}

            @Override
            public MigrationReport report() {
                return new MigrationReport(
                        guest.name(),
                        "",
                        "failed",
                        "no engine",
                        0,
                        0,
                        0,
                        MigrationReport.Downtime.NONE,
                        java.util.List.of(),
                        0,
                        0,
                        0,
                        0,
                        0,
                        1,
                        0,
                        0,
                        null,
                        java.util.List.of(),
                        java.util.Map.of());
            }
        };
    }
}
