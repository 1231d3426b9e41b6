package dev.godwit.agent.inventory;

import dev.godwit.agent.migration.GuestDescription;
import dev.godwit.agent.migration.MigrationException;
import dev.godwit.agent.migration.MigrationPhase;
import dev.godwit.agent.migration.MigrationProgress;
import dev.godwit.agent.migration.MigrationReport;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.vcpu.StopReason;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

/** A migration that does what a test says. */
final class ScriptedMover implements Mover {
    private final CompletableFuture<MigrationException.Kind> end = new CompletableFuture<>();
    private volatile MigrationPhase phase = MigrationPhase.PRECOPY;
    private volatile boolean reached = true;
    private volatile Machine machine;
    private volatile String guest;

    Mover of(Machine ofGuest, GuestDescription description) {
        machine = ofGuest;
        guest = description.name();
        return this;
    }

    Machine machine() {
        return machine;
    }

    void phase(MigrationPhase now) {
        phase = now;
    }

    /** Whether the target can be reached. */
    void reached(boolean whether) {
        reached = whether;
    }

    void succeed() {
        machine.stop(new StopReason(StopReason.Kind.MIGRATED, 0, ""));
        end.complete(null);
    }

    void fail(MigrationException.Kind why) {
        end.complete(why);
    }

    /** Whatever is under way ends. */
    void end() {
        fail(MigrationException.Kind.CANCELLED);
    }

    @Override
    public MigrationReport run() throws MigrationException {
        try {
            MigrationException.Kind failure = end.get();
            phase = failure == null ? MigrationPhase.COMPLETED : MigrationPhase.FAILED;
            if (failure != null) {
                machine.resume();
                throw new MigrationException(failure, "as the test says");
            }
            return report();
        } catch (InterruptedException | ExecutionException e) {
            throw new AssertionError(e);
        }
    }

    @Override
    public MigrationProgress progress() {
        return new MigrationProgress(phase, 1, 0, 0, 0, 0, 0, Duration.ZERO, Duration.ZERO);
    }

    @Override
    public void cancel() {
        if (phase != MigrationPhase.POSTCOPY) {
            fail(MigrationException.Kind.CANCELLED);
        }
    }

    @Override
    public void shutDown() {
        cancel();
        giveUp();
    }

    @Override
    public boolean giveUp() {
        boolean gone = phase == MigrationPhase.POSTCOPY && !reached;
        if (gone) {
            machine.stop(new StopReason(StopReason.Kind.PAGES_LOST, 0, ""));
            fail(MigrationException.Kind.LOST);
        }
        return gone;
    }

    @Override
    public void overruleDoubt() {
        fail(MigrationException.Kind.IN_DOUBT);
    }

    @Override
    public MigrationReport report() {
        return new MigrationReport(
                guest,
                "127.0.0.1:9",
                phase.text(),
                null,
                0,
                1,
                0,
                MigrationReport.Downtime.NONE,
                "precopy",
                null,
                List.of(),
                0,
                0,
                0,
                0,
                0,
                0,
                1,
                0,
                0,
                null,
                List.of(),
                Map.of(),
                null,
                null);
    }
}
