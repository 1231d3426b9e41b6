package dev.godwit.agent.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.godwit.agent.Eventually;
import dev.godwit.agent.api.Agent;
import dev.godwit.agent.api.ApiClient;
import dev.godwit.agent.api.HeatRequest;
import dev.godwit.agent.api.HeatView;
import dev.godwit.agent.api.MigrateRequest;
import dev.godwit.agent.api.MigrationView;
import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.HostPort;
import dev.godwit.agent.transport.Secret;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tracking and its pictures over the API and the command line. */
@Tag("kvm")
@Timeout(180)
class HeatCommandTest {
    @TempDir
    Path directory;

    private Agent a;
    private Agent b;
    private ApiClient client;

    @BeforeEach
    void start() {
        a = agent("a");
        b = agent("b");
        client = new ApiClient(a.socket());
    }

    private Agent agent(String name) {
        return Agent.start(
                directory.resolve(name),
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                new Secret(new byte[32]));
    }

    @AfterEach
    void stop() {
        a.close();
        b.close();
    }

    private Run godwit(String... args) {
        return Run.with(Map.of("GODWIT_AGENT", a.socket().toString()), "", args);
    }

    private void startGuest(String... more) {
        List<String> args = new ArrayList<>(
                List.of("start", "web", "--image", "dirtier", "--memory", "32m", "--cmdline", "ws=8m pattern=random"));
        Collections.addAll(args, more);
        Run run = godwit(args.toArray(String[]::new));
        assertEquals(0, run.status(), run.err());
    }

    @Test
    void aTrackedGuestIsShownAndMigratesAndStops() throws IOException {
        startGuest("--access-tracking", "0.2");
        while (client.heat("web", 0).accesses() < 500) {
            Thread.onSpinWait();
        }
        JsonNode json =
                new ObjectMapper().readTree(godwit("heat", "web", "--json").out());
        assertTrue(json.at("/tracking").asBoolean(), json.toString());
        assertEquals(8192, json.at("/levels").size());
        assertEquals(4096, json.at("/cellBytes").asLong());
        Path picture = directory.resolve("web.svg");
        assertEquals(0, godwit("heat", "web", "--svg", picture.toString()).status());
        String svg = Files.readString(picture);
        assertTrue(svg.startsWith("<svg ") && svg.endsWith("</svg>\n") && svg.contains(" MiB</text>"), svg);
        String text = godwit("heat", "web").out();
        assertTrue(text.contains("0 MiB ") && text.contains("and more"), text);
        assertFalse(text.contains("\u001b"), "colours only on a terminal");
        Run migrated = godwit("migrate", "web", "--to", HostPort.text(b.address()), "--downtime", "5s", "--verify");
        assertEquals(0, migrated.status(), migrated.err());
    }

    @ParameterizedTest
    @ValueSource(strings = {"precopy", "postcopy"})
    void aGuestIsTrackedAsBeforeWhereverItGoes(String mode) {
        startGuest("--access-tracking", "20%");
        assertEquals(
                0, godwit("heat", "web", "--share", "10%", "--half-life", "7m").status());
        assertTrue(godwit("show", "web").out().contains("\naccess tracking    10 % of its time\n"));
        assertEquals(
                0,
                godwit("migrate", "web", "--to", HostPort.text(b.address()), "--mode", mode, "--downtime", "5s")
                        .status());
        ApiClient there = new ApiClient(b.socket());
        Eventually.await(() -> there.heat("web", 0).accesses() > 0, "it is tracked there");
        assertEquals(0.1, there.heat("web", 0).share());
        assertEquals(420, there.heat("web", 0).halfLifeSeconds());
        there.track("web", new HeatRequest(null, 421L));
        assertEquals(0.1, there.guest("web").accessTracking(), "what is not said stays");
        Path file = directory.resolve("web.snap");
        there.snapshot("web", file);
        assertTrue(there.heat("web", 0).tracking());
        there.track("web", new HeatRequest(0.0, null));
        assertNull(there.guest("web").accessTracking());
        client.restore("back", file, false);
        Eventually.await(() -> client.heat("back", 0).tracking(), "so is what comes from its snapshot");
        assertEquals(0.1, client.guest("back").accessTracking());
        assertEquals(421, client.heat("back", 0).halfLifeSeconds());
    }

    @Test
    void whatIsForAWhileStaysHere() {
        startGuest();
        client.track("web", new HeatRequest(0.1, null, true));
        assertTrue(client.heat("web", 0).tracking());
        assertNull(client.guest("web").accessTracking());
        assertEquals(
                0,
                godwit("migrate", "web", "--to", HostPort.text(b.address()), "--downtime", "5s")
                        .status());
        ApiClient there = new ApiClient(b.socket());
        assertNull(there.guest("web").accessTracking());
        assertFalse(there.heat("web", 0).tracking());
    }

    @Test
    void aGuestThatIsToBeTrackedIsNotAnyMoreWhenSomebodySaysSo() {
        startGuest("--access-tracking", "10%");
        Run stopped = godwit("heat", "web", "--stop");
        assertEquals(0, stopped.status(), stopped.err());
        assertTrue(stopped.out().endsWith("guest web is not tracked any more\n"), stopped.out());
        assertNull(client.guest("web").accessTracking());
        assertFalse(client.heat("web", 0).tracking());
        assertEquals(
                0,
                godwit("migrate", "web", "--to", HostPort.text(b.address()), "--downtime", "5s")
                        .status());
        assertNull(new ApiClient(b.socket()).guest("web").accessTracking());
    }

    @Test
    void trackingThatIsToBeginWhenAllMemoryIsHereMayBeEndedBefore() {
        startGuest("--access-tracking", "10%");
        // Not too soon: its memory is filled, 8 MiB of it.
        Eventually.await(() -> client.heat("web", 0).accesses() > 0, "it works");
        MigrationView begun = client.migrate(
                "web", new MigrateRequest(HostPort.text(b.address()), "postcopy", null, 2L << 20, null, null, null));
        ApiClient there = new ApiClient(b.socket());
        Eventually.await(
                () -> there.guests(false).stream()
                        .anyMatch(guest -> guest.state().equals("running")),
                "it runs there");
        assertEquals(0.1, there.guest("web").accessTracking());
        there.track("web", new HeatRequest(0.0, null));
        assertNull(there.guest("web").accessTracking());
        Eventually.await(
                () -> client.migration(begun.id(), Duration.ofSeconds(1)).done(), "all of it is there");
        assertFalse(there.heat("web", 0).tracking());
        assertFalse(there.heat("web", 0).levels().stream().anyMatch(level -> level > 0));
    }

    @Test
    void theHottestPagesGoFirstIfItIsKnownWhichTheyAre() throws IOException {
        startGuest();
        String[] migrate = {
            "migrate", "web", "--to", HostPort.text(b.address()), "--mode", "hybrid", "--hot-bytes", "2m"
        };
        Run unknown = godwit(migrate);
        assertEquals(
                "godwit: nothing is known of which pages of guest web are hot: track it for a while, by 'godwit heat"
                        + " web', or from its start by 'godwit start --access-tracking'\n",
                unknown.err());
        assertEquals(2, unknown.status());
        Run auto = godwit("migrate", "web", "--to", HostPort.text(b.address()), "--hot-threshold", "5");
        assertEquals(
                "godwit: a hot threshold and hot bytes say what mode hybrid sends before the guest; they mean nothing"
                        + " in mode auto\n",
                auto.err());
        assertEquals(2, auto.status());
        for (String[] bad : new String[][] {
            {"--hot-threshold", "0"}, {"--hot-threshold", "-2"}, {"--hot-bytes", "0"}, {"--hot-bytes", "100"}
        }) {
            Run run = godwit("migrate", "web", "--to", HostPort.text(b.address()), "--mode", "hybrid", bad[0], bad[1]);
            assertEquals(2, run.status(), run.err());
            assertEquals(1, run.err().lines().count(), run.err());
        }
        assertEquals(0, godwit("heat", "web", "--for", "3s", "--share", "0.2").status());
        Run none = godwit(
                "migrate", "web", "--to", HostPort.text(b.address()), "--mode", "hybrid", "--hot-threshold", "1e9");
        assertTrue(none.out().contains("\n  hot first    none: no page is known to be so hot\n"), none.out());
        assertEquals(
                0,
                Run.with(
                                Map.of("GODWIT_AGENT", b.socket().toString()),
                                "",
                                "migrate",
                                "web",
                                "--to",
                                HostPort.text(a.address()),
                                "--downtime",
                                "5s")
                        .status());
        assertEquals(0, godwit("heat", "web", "--for", "3s", "--share", "0.2").status());
        Run done = godwit(migrate);
        assertEquals(0, done.status(), done.err());
        assertTrue(done.out().contains("\n  hot first    512 pages, 2 MiB\n"), done.out());
    }

    @Test
    void aGuestIsTrackedOnDemand() {
        startGuest();
        assertFalse(client.heat("web", 0).tracking());
        Run run = godwit("heat", "web", "--for", "3s", "--share", "0.2");
        assertEquals(0, run.status(), run.err());
        HeatView after = client.heat("web", 16);
        assertFalse(after.tracking());
        assertEquals(16, after.levels().size());
        assertEquals(0.2, after.share());
    }

    @Test
    void refusals() {
        startGuest("--paused");
        assertEquals(2, godwit("heat", "web", "--share", "2").status());
        assertEquals(2, godwit("heat", "web", "--for", "long").status());
        assertEquals(2, godwit("heat", "web", "--stop").status());
        assertEquals(
                "godwit: --stop ends tracking; --share and --half-life say how to go on with it\n",
                godwit("heat", "web", "--stop", "--share", "2%").err());
        assertEquals(2, godwit("heat", "web", "--half-life", "25h").status());
        assertEquals(
                "godwit: --half-life: whole seconds are right, not 1500ms\n",
                godwit("heat", "web", "--half-life", "1500ms").err());
        Path nowhere = directory.resolve("none/web.svg");
        assertEquals(
                "godwit: --svg: " + nowhere + ": no such file or directory\n",
                godwit("heat", "web", "--for", "1h", "--svg", nowhere.toString())
                        .err());
        assertEquals(
                "godwit: --svg: " + directory + ": Is a directory\n",
                godwit("heat", "web", "--for", "1h", "--svg", directory.toString())
                        .err());
        Path png = directory.resolve("web.png");
        assertEquals(
                "godwit: --svg: " + png + ": an SVG picture is written; name it so that viewers know, .svg\n",
                godwit("heat", "web", "--for", "1h", "--svg", png.toString()).err());
        assertEquals(
                2,
                godwit("start", "x", "--image", "hello", "--access-tracking", "-1")
                        .status());
        for (HeatRequest bad : List.of(new HeatRequest(0.9, null), new HeatRequest(0.1, 0L))) {
            try {
                client.track("web", bad);
                throw new AssertionError("accepted " + bad);
            } catch (Failure e) {
                assertEquals(Failure.Kind.BAD_INPUT, e.kind());
            }
        }
    }
}
