package dev.godwit.agent.process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.godwit.agent.Eventually;
import dev.godwit.agent.api.MigrateRequest;
import dev.godwit.agent.api.MigrationView;
import dev.godwit.agent.cli.AgentProcess;
import dev.godwit.agent.cli.Main;
import dev.godwit.agent.cli.MeasuringGuest;
import dev.godwit.agent.config.Failure;
import dev.godwit.images.DirtierOptions;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Two agents under the command line, from their start to their end. */
@Tag("kvm")
@Timeout(180)
class AgentLifeIT {
    private static final DirtierOptions SMALL = DirtierOptions.DEFAULT
            .withWorkingSet(4 * TwoAgents.MIB)
            .withCold(8 * TwoAgents.MIB)
            .withRate(2000);

    private TwoAgents agents;

    /** What a command did. */
    private record Ended(int status, String out, String err) {}

    @BeforeEach
    void start() throws IOException {
        agents = new TwoAgents();
    }

    @AfterEach
    void stop() throws IOException {
        agents.close();
    }

    @Test
    void aGuestsLifeByCommands() throws IOException {
        Ended started = at(
                agents.a(), "start", "web", "--image", "dirtier", "--memory", "64m", "--cmdline", SMALL.commandLine());
        assertEquals(new Ended(0, "guest web is running\n", ""), started);
        MeasuringGuest guest = new MeasuringGuest("web", agents.a().client());
        guest.awaitReady();

        JsonNode listed = json(at(agents.a(), "ps", "--json"));
        assertEquals(1, listed.size());
        assertEquals("web", listed.get(0).get("name").asText());
        assertTrue(at(agents.a(), "logs", "web").out().contains("READY vcpus=1"));

        Ended migrated = at(
                agents.a(), "migrate", "web", "--to", agents.b().address(), "--downtime", "5s", "--verify", "--json");
        JsonNode report = json(migrated);
        assertEquals("completed", report.get("outcome").asText());
        assertEquals(64 << 20, report.get("memoryBytes").asLong());
        assertNotNull(report.get("memoryHash").asText(null));
        assertTrue(report.get("downtime").get("total").asLong() > 0);

        assertEquals(0, json(at(agents.a(), "ps", "--json")).size());
        assertEquals(
                "migrated",
                json(at(agents.a(), "ps", "--all", "--json"))
                        .get(0)
                        .get("state")
                        .asText());
        assertEquals(
                "running",
                json(at(agents.b(), "show", "web", "--json")).get("state").asText());
        // The log so far went along.
        assertTrue(at(agents.b(), "logs", "web").out().contains("READY vcpus=1"));
        guest.movedTo(agents.b().client());
        guest.verify();

        Ended back = at(agents.b(), "migrate", "web", "--to", agents.a().address(), "--downtime", "5s");
        assertEquals(0, back.status(), back.err());
        assertTrue(back.out().contains("downtime"), back.out());

        Ended unknown = at(agents.b(), "show", "web");
        assertEquals(2, unknown.status());
        assertEquals(1, unknown.err().lines().count(), unknown.err());
        Ended nobody = at(agents.a(), "migrate", "web", "--to", "127.0.0.1:1");
        assertEquals(1, nobody.status());
        assertEquals(1, nobody.err().lines().count(), nobody.err());
        assertEquals(0, at(agents.a(), "stop", "web").status());
        assertEquals(0, json(at(agents.a(), "ps", "--json")).size());
    }

    @Test
    void aDirectoryIsTakenOverFromAKilledAgentOnly() {
        AgentProcess first = agents.a();
        Failure taken = assertThrows(
                Failure.class,
                () -> AgentProcess.start(agents.directory().resolve("a"), "127.0.0.1:0", List.of())
                        .close());
        assertTrue(taken.getMessage().contains("another agent serves"), taken.getMessage());
        assertEquals(0, first.client().host().guests());

        TwoAgents.kill(first);
        assertTrue(Files.exists(first.socket()), "what a killed agent leaves behind");
        Failure stale = assertThrows(Failure.class, () -> first.client().host());
        assertTrue(stale.getMessage().contains("start it again"), stale.getMessage());
        AgentProcess second = agents.restart(first);
        assertEquals(second.process().pid(), second.client().host().pid());
    }

    @Test
    void sigtermEndsTheAgentAndItsGuests() throws InterruptedException {
        MeasuringGuest _ = TwoAgents.startDirtier(agents.a(), "g", 32 * TwoAgents.MIB, SMALL);
        Signal.TERM.send(agents.a().process());
        assertTrue(agents.a().process().waitFor(60, TimeUnit.SECONDS), "SIGTERM had no effect");
        assertEquals(0, agents.a().process().exitValue());
        assertFalse(Files.exists(agents.a().socket()));
    }

    @Test
    void aGuestGoesOnWhenTheTargetIsToldToEnd() {
        MeasuringGuest guest = TwoAgents.startDirtier(agents.a(), "g", 64 * TwoAgents.MIB, SMALL);
        MigrateRequest slow = new MigrateRequest(
                agents.b().address(), null, TwoAgents.DOWNTIME_MILLIS, 8 * TwoAgents.MIB, 2, true, null);
        MigrationView started = agents.a().client().migrate("g", slow);
        Eventually.await(() -> !agents.b().client().guests(false).isEmpty(), () -> "nothing arrives");
        Signal.TERM.send(agents.b().process());
        MigrationView end = TwoAgents.awaitEnd(agents.a(), started.id());
        assertNotNull(end.error());
        assertEquals("running", agents.a().client().guest("g").state());
        guest.verify();
    }

    @Test
    void guestsPassEachOther() {
        MeasuringGuest left = TwoAgents.startDirtier(agents.a(), "left", 128 * TwoAgents.MIB, SMALL);
        MeasuringGuest right = TwoAgents.startDirtier(agents.b(), "right", 128 * TwoAgents.MIB, SMALL);
        for (int run = 0; run < 4; run++) {
            AgentProcess here = run % 2 == 0 ? agents.a() : agents.b();
            AgentProcess there = agents.other(here);
            MigrationView leaving = here.client().migrate("left", TwoAgents.to(there));
            MigrationView coming = there.client().migrate("right", TwoAgents.to(here));
            assertCompleted(TwoAgents.awaitEnd(here, leaving.id()));
            assertCompleted(TwoAgents.awaitEnd(there, coming.id()));
            left.movedTo(there.client());
            right.movedTo(here.client());
            left.verify();
            right.verify();
        }
        assertEquals(0, left.report().errors());
        assertEquals(0, right.report().errors());
    }

    @Test
    void twentyGuestsMoveAtOnce() {
        int count = 20;
        TwoAgents.all(count, i -> TwoAgents.startDirtier(agents.a(), "g" + i, 32 * TwoAgents.MIB, SMALL.withRate(200)));
        TwoAgents.all(count, i -> {
            MigrationView started = agents.a().client().migrate("g" + i, TwoAgents.to(agents.b()));
            assertCompleted(TwoAgents.awaitEnd(agents.a(), started.id()));
        });
        assertEquals(List.of(), agents.a().client().guests(false));
        TwoAgents.all(count, i -> {
            MeasuringGuest guest = new MeasuringGuest("g" + i, agents.b().client());
            guest.verify();
            assertEquals(0, guest.report().errors());
        });
    }

    private static void assertCompleted(MigrationView migration) {
        assertNull(migration.error(), migration::toString);
        assertEquals("completed", migration.report().outcome());
    }

    /** A command line, in this process. */
    private static Ended at(AgentProcess agent, String... arguments) {
        List<String> all = new ArrayList<>(List.of("--agent", agent.socket().toString()));
        all.addAll(List.of(arguments));
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        int status = Main.run(
                all.toArray(String[]::new),
                new PrintStream(out, true, StandardCharsets.UTF_8),
                new PrintStream(err, true, StandardCharsets.UTF_8));
        return new Ended(status, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
    }

    private static JsonNode json(Ended command) throws IOException {
        assertEquals(0, command.status(), command.err());
        assertEquals("", command.err());
        return new ObjectMapper().readTree(command.out());
    }
}
