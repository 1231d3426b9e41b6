package dev.godwit.agent.migration;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.Eventually;
import dev.godwit.agent.migration.MigrationException.Kind;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.machine.MachineConfig;
import dev.godwit.host.vcpu.StopReason;
import dev.godwit.images.GuestImage;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The target of a guest whose memory follows it is gone, and nobody can prove that it has ended. */
@Tag("kvm")
@Timeout(120)
class GiveUpTest {
    /** So slow that there is time for everything. */
    private static final MigrationOptions OPTIONS = MigrationOptions.DEFAULT
            .withMode(MigrationMode.POSTCOPY)
            .withBandwidth(2 << 20)
            .withStall(Duration.ofSeconds(2));

    @Test
    void whatFollowsAGuestIsGivenUpByOrderOnceItsTargetCannotBeReached() throws Exception {
        MachineConfig config = MachineConfig.of(32 << 20).withCommandLine("ws=1m cold=all idle=1");
        try (Kvm kvm = Kvm.open();
                LoopbackHost host = new LoopbackHost(kvm);
                Wanderer guest = Wanderer.boot(kvm, host, GuestImage.DIRTIER, config)) {
            Migration migration;
            CompletableFuture<MigrationException> ended;
            try (FaultProxy way = new FaultProxy(host.address(), null)) {
                migration = guest.prepare(way.address(), OPTIONS);
                assertFalse(migration.giveUp(), "it has not begun");
                ended = CompletableFuture.supplyAsync(() -> assertThrows(MigrationException.class, migration::run));
                Eventually.await(
                        () -> migration.progress().phase() == MigrationPhase.POSTCOPY, "the guest has gone ahead");
                Eventually.await(() -> !migration.giveUp(), "its target is reached");
            }
            // It lives, in this very process, and only the way there is gone: nothing is proved.
            assertThrows(TimeoutException.class, () -> ended.get(1500, TimeUnit.MILLISECONDS));
            migration.cancel();
            assertThrows(TimeoutException.class, () -> ended.get(500, TimeUnit.MILLISECONDS));
            assertEquals(MigrationPhase.POSTCOPY, migration.progress().phase());
            assertTrue(migration.giveUp());
            MigrationException lost = ended.get(30, TimeUnit.SECONDS);
            assertEquals(Kind.LOST, lost.kind());
            assertTrue(
                    lost.getMessage()
                            .matches("given up while the target could not be reached: the guest there lacks at least"
                                    + " [0-9.]+ MiB of its memory"),
                    lost.getMessage());
            assertEquals(Machine.State.STOPPED, guest.machine().state());
            assertEquals(
                    StopReason.Kind.PAGES_LOST,
                    guest.machine().stopReason().orElseThrow().kind());
            assertEquals(
                    Machine.State.RUNNING, host.arrived.get(Wanderer.NAME).state(), "what is there is not ended so");
        }
    }
}
