package dev.godwit.agent.process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.Eventually;
import dev.godwit.agent.api.GuestView;
import dev.godwit.agent.api.MigrateRequest;
import dev.godwit.agent.api.MigrationView;
import dev.godwit.agent.cli.MeasuringGuest;
import dev.godwit.agent.config.Failure;
import dev.godwit.images.DirtierOptions;
import java.io.IOException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Agents that end while the memory of a guest is on its way from one to the other. */
@Tag("kvm")
@Timeout(300)
class PostcopyIT {
    private static final String GUEST = "g";
    private static final long MEMORY = 64 * TwoAgents.MIB;
    private static final DirtierOptions OPTIONS = DirtierOptions.DEFAULT
            .withWorkingSet(4 * TwoAgents.MIB)
            .withCold(40 * TwoAgents.MIB)
            .withRate(4000);

    /** Half a minute for all of it. */
    private static final long SLOWLY = 2 * TwoAgents.MIB;

    private TwoAgents agents;
    private MeasuringGuest guest;
    private String migration;

    @BeforeEach
    void start() throws IOException {
        agents = new TwoAgents();
        guest = TwoAgents.startDirtier(agents.a(), GUEST, MEMORY, OPTIONS);
    }

    /** A guest runs at b, and nearly all of its memory is still at a, for as long as so many bytes a second allow. */
    private void goAhead(long bandwidth) {
        MigrateRequest slow = new MigrateRequest(agents.b().address(), "postcopy", null, bandwidth, 2, null, null);
        migration = agents.a().client().migrate(GUEST, slow).id();
        Eventually.await(() -> now().progress().phase().equals("postcopy"), () -> now().toString());
    }

    @AfterEach
    void stop() throws IOException {
        agents.close();
    }

    private MigrationView now() {
        return agents.a().client().migration(migration, java.time.Duration.ZERO);
    }

    private GuestView at(dev.godwit.agent.cli.AgentProcess agent) {
        return agent.client().guest(GUEST);
    }

    @Test
    void allIsRefusedThatWouldNeedTheWholeGuest() {
        goAhead(SLOWLY);
        assertEquals("running", at(agents.b()).state());
        long elsewhere = at(agents.b()).memoryElsewhereBytes();
        assertTrue(elsewhere > MEMORY / 4 && elsewhere < MEMORY, elsewhere + " bytes");
        Failure again = assertThrows(Failure.class, () -> agents.b().client().migrate(GUEST, TwoAgents.to(agents.a())));
        assertTrue(again.getMessage().contains("still where it came from"), again.getMessage());
        Failure resume = assertThrows(Failure.class, () -> agents.a().client().resume(GUEST, true));
        assertTrue(resume.getMessage().contains("runs at"), resume.getMessage());
        // Its end at the target is the end of it all.
        agents.b().client().stop(GUEST);
        assertNull(TwoAgents.awaitEnd(agents.a(), migration).error());
    }

    @Test
    void aSourceThatIsToldToEndFirstBringsTheMemoryAcross() throws Exception {
        goAhead(8 * TwoAgents.MIB);
        Signal.TERM.send(agents.a().process());
        assertEquals(0, agents.a().process().waitFor());
        guest.movedTo(agents.b().client());
        assertEquals(44 * 256, guest.verify());
    }

    @Test
    void theGuestIsStoppedWhenItsSourceIsKilled() {
        goAhead(SLOWLY);
        TwoAgents.kill(agents.a());
        Eventually.await(
                () -> at(agents.b()).state().equals("stopped"),
                () -> at(agents.b()).toString());
        assertEquals("pages-lost", at(agents.b()).reason());
    }

    @Test
    void theGuestIsLostWithItsTarget() {
        goAhead(SLOWLY);
        TwoAgents.kill(agents.b());
        MigrationView end = TwoAgents.awaitEnd(agents.a(), migration);
        assertTrue(end.error().contains("the target has ended, and the guest with it"), end.error());
        assertEquals("stopped", at(agents.a()).state());
        assertEquals("pages-lost", at(agents.a()).reason());
    }
}
