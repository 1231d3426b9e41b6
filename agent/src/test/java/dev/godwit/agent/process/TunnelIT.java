package dev.godwit.agent.process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.godwit.agent.Eventually;
import dev.godwit.agent.api.MigrateRequest;
import dev.godwit.agent.api.MigrationView;
import dev.godwit.agent.cli.MeasuringGuest;
import dev.godwit.images.DirtierOptions;
import java.time.Duration;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** An address that refuses connections proves nothing of the agent that was behind it. */
@Tag("kvm")
class TunnelIT {
    @Test
    @Timeout(120)
    void aTunnelThatDiesInTheHandoverMakesNoSecondCopy() throws Exception {
        try (TwoAgents agents = new TwoAgents();
                DyingTunnel tunnel = new DyingTunnel(agents.b().address())) {
            MeasuringGuest guest = TwoAgents.startDirtier(
                    agents.a(), "g", 32 * TwoAgents.MIB, DirtierOptions.DEFAULT.withWorkingSet(4 * TwoAgents.MIB));
            MigrationView started = agents.a()
                    .client()
                    .migrate(
                            "g",
                            new MigrateRequest(
                                    tunnel.address(), null, TwoAgents.DOWNTIME_MILLIS, null, 1, false, null));
            MigrationView now = started;
            while (!now.done() && !now.progress().phase().equals("in-doubt")) {
                now = agents.a().client().migration(started.id(), Duration.ofMillis(10));
            }
            String seen = now.toString();
            assertFalse(now.done(), () -> "decided without proof: " + seen);
            assertEquals("in-doubt", agents.a().client().guest("g").state());
            Eventually.await(
                    () -> agents.b().client().guest("g").state().equals("running"),
                    () -> "it does not run at the target");

            // Now its end can be proved from here: the guest goes on at the source.
            TwoAgents.kill(agents.b());
            assertFalse(TwoAgents.awaitEnd(agents.a(), started.id()).error().isEmpty());
            assertEquals("running", agents.a().client().guest("g").state());
            guest.verify();
        }
    }
}
