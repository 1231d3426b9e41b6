package dev.godwit.agent.migration;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.host.boot.PvhImage;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.machine.MachineConfig;
import dev.godwit.host.vcpu.StopReason;
import dev.godwit.images.GuestImage;
import java.lang.foreign.Arena;
import java.net.InetSocketAddress;
import java.util.Optional;

/**
 * A guest that is migrated again and again within this process. After each attempt exactly one copy of it is there: the
 * one it was, or the one that arrived; {@link #machine} is that one.
 */
final class Wanderer implements AutoCloseable {
    static final String NAME = "wanderer";

    final GuestDescription description;
    private final LoopbackHost host;
    private Machine machine;
    private MigrationReport report;
    private Migration migration;

    private Wanderer(LoopbackHost host, Machine machine, GuestDescription description) {
        this.host = host;
        this.machine = machine;
        this.description = description;
    }

    /** Boots a measuring guest, which runs when this returns. */
    static Wanderer boot(Kvm kvm, LoopbackHost host, GuestImage image, MachineConfig config) throws Exception {
        try (Arena arena = Arena.ofConfined()) {
            Machine machine = Machine.boot(kvm, config, PvhImage.open(image.path(), arena));
            machine.resume();
            GuestTalk.await(machine, 0, "READY");
            return new Wanderer(host, machine, new GuestDescription(NAME, image.imageName(), config));
        }
    }

    Machine machine() {
        return machine;
    }

    /** The report of the last attempt. */
    MigrationReport report() {
        return report;
    }

    /** The last migration made. */
    Migration migration() {
        return migration;
    }

    /** A migration that has not begun. */
    Migration prepare(InetSocketAddress target, MigrationOptions options) {
        migration = new Migration(machine, description, target, LoopbackHost.SECRET, options);
        return migration;
    }

    /** Migrates and moves over; the report must be one of success. */
    MigrationReport move(MigrationOptions options) {
        Optional<MigrationException> failure = attempt(prepare(host.address(), options));
        assertTrue(
                failure.isEmpty(),
                () -> failure.get().kind() + ": " + failure.get().getMessage());
        return report;
    }

    /** Runs a migration; whatever comes of it, exactly one copy is left, in the state in which the guest was. */
    Optional<MigrationException> attempt(Migration prepared) {
        Machine.State before = machine.state();
        try {
            report = prepared.run();
        } catch (MigrationException e) {
            report = prepared.report();
            assertEquals(MigrationPhase.FAILED, prepared.progress().phase());
            assertEquals("failed", report.outcome());
            assertEquals(before, machine.state(), e.getMessage());
            assertTrue(host.arrived.isEmpty(), "the guest is here and there: " + e.getMessage());
            return Optional.of(e);
        }
        assertEquals("completed", report.outcome());
        for (MigrationReport.Round round : report.rounds()) {
            assertEquals(
                    round.pages(), round.dataPages() + round.zeroPages() + round.deferredPages(), report::toString);
        }
        assertEquals(Machine.State.STOPPED, machine.state());
        assertEquals(
                StopReason.Kind.MIGRATED, machine.stopReason().orElseThrow().kind());
        Machine arrived = host.arrived.remove(NAME);
        assertNotNull(arrived, "the guest is nowhere");
        assertEquals(before, arrived.state());
        machine.close();
        machine = arrived;
        return Optional.empty();
    }

    /** Runs a migration that loses the guest. */
    MigrationException attemptOrLose(Migration prepared) {
        return assertThrows(MigrationException.class, prepared::run);
    }

    /** Lets the guest check every word of its memory. */
    void verify() throws InterruptedException {
        String answer = GuestTalk.ask(machine, 'v', "VERIFIED");
        assertTrue(answer.endsWith(" errors=0"), answer);
    }

    @Override
    public void close() {
        machine.close();
    }
}
