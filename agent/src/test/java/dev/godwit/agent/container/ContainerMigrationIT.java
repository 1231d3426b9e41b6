package dev.godwit.agent.container;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.github.dockerjava.api.DockerClient;
import dev.godwit.agent.Eventually;
import dev.godwit.agent.api.ApiClient;
import dev.godwit.agent.api.GuestView;
import dev.godwit.agent.api.HeatRequest;
import dev.godwit.agent.api.HeatView;
import dev.godwit.agent.api.MigrateRequest;
import dev.godwit.agent.api.MigrationView;
import dev.godwit.agent.api.StartRequest;
import dev.godwit.agent.cli.Main;
import dev.godwit.agent.cli.MeasuringGuest;
import dev.godwit.images.DirtierOptions;
import dev.godwit.images.DirtierReport;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;
import org.testcontainers.containers.Container;
import org.testcontainers.containers.Network;

/** Live migration between two containers. */
@Tag("container")
@Timeout(240)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ContainerMigrationIT {
    private static final long MIB = 1L << 20;
    private static final String GUEST = "web";
    private static final Duration A_MINUTE = Duration.ofMinutes(1);

    /** Slow enough for what is done meanwhile. */
    private static final long SLOW = 12 * MIB;

    // The files of the agents are root's, whoever runs the tests.
    @TempDir(cleanup = CleanupMode.ON_SUCCESS)
    private static Path scratch;

    private final Deque<AutoCloseable> ofAll = new ArrayDeque<>();
    private final Deque<AutoCloseable> ofTest = new ArrayDeque<>();
    private DockerClient docker;
    private JvmImage image;
    private Network network;
    private Path certificates;

    @BeforeAll
    void prepare() throws IOException, InterruptedException {
        docker = Docker.require();
        certificates = scratch.resolve("certs");
        certs(certificates, "a", "b", "small");
        image = new JvmImage(
                docker,
                Path.of(System.getProperty("java.home")).toRealPath(),
                Files.createDirectory(scratch.resolve("image")));
        ofAll.push(image);
        network = Network.newNetwork();
        ofAll.push(network);
    }

    @AfterEach
    void stopContainers() throws Exception {
        closeAll(ofTest);
    }

    @AfterAll
    void cleanUp() throws Exception {
        closeAll(ofAll);
    }

    private static void closeAll(Deque<AutoCloseable> resources) throws Exception {
        Exception first = null;
        while (!resources.isEmpty()) {
            try {
                resources.pop().close();
            } catch (Exception e) {
                first = first == null ? e : first;
            }
        }
        if (first != null) {
            throw first;
        }
    }

    @Test
    void aGuestGoesToAnotherContainerAndBackWhileItWrites() throws Exception {
        AgentContainer a = agent("a", 0);
        AgentContainer b = agent("b", 0);
        MeasuringGuest guest = startDirtier(a, 256 * MIB, 32 * MIB);

        Container.ExecResult migrated = a.godwit(
                "--agent", "/run/godwit/api.sock", "migrate", GUEST, "--to", b.address(), "--verify", "--json");
        assertEquals(0, migrated.getExitCode(), migrated.getStderr());
        assertTrue(migrated.getStdout().matches("(?s).*\"outcome\"\\s*:\\s*\"completed\".*"), migrated.getStdout());
        guest.movedTo(b.api());
        assertRuns(b);
        assertEquals(List.of(), a.api().guests(false));
        assertClean(guest);

        MigrationView back = migrate(b.api(), request(a.address(), 0));
        assertNull(back.error());
        assertNotNull(back.report().memoryHash());
        guest.movedTo(a.api());
        assertRuns(a);
        assertEquals(List.of(), b.api().guests(false));
        assertClean(guest);
    }

    /** A container may not trace KVM, so its guests are tracked by moving their memory. */
    @Test
    void aTrackedGuestIsSnapshottedAndItsMemoryFollowsIt() throws Exception {
        AgentContainer a = paging("a");
        AgentContainer b = paging("b");
        MeasuringGuest guest = startDirtier(a, 256 * MIB, 32 * MIB);
        a.api().track(GUEST, new HeatRequest(0.1, 30L));
        awaitTracked(a);

        Path snapshot = Path.of("/run/godwit/web.snapshot");
        a.api().snapshot(GUEST, snapshot);
        a.api().restore("copy", snapshot, false);
        assertClean(new MeasuringGuest("copy", a.api()));
        a.api().stop("copy");
        awaitTracked(a);

        MigrationView gone = migrate(
                a.api(), new MigrateRequest(b.address(), "hybrid", 5000L, null, 2, null, null, null, 8 * MIB, null));
        assertNull(gone.error());
        assertTrue(gone.report().postcopy().pages() > 0, gone.report().toString());
        guest.movedTo(b.api());
        assertClean(guest);
        awaitTracked(b);
        assertEquals(30, b.api().heat(GUEST, 0).halfLifeSeconds());
        assertClean(guest);
    }

    @Test
    void theGuestGoesOnWhenTheTargetsContainerIsKilled() {
        AgentContainer a = agent("a", 0);
        AgentContainer b = agent("b", 0);
        MeasuringGuest guest = startDirtier(a, 256 * MIB, 32 * MIB);
        MigrationView started = a.api().migrate(GUEST, request(b.address(), SLOW));
        awaitSent(a.api(), started.id(), 4 * MIB);
        assertEquals("arriving", b.api().guest(GUEST).state());

        b.kill();

        assertFailed(awaitEnd(a.api(), started.id()));
        assertRuns(a);
        assertClean(guest);
    }

    @Test
    void theGuestGoesOnWhenTheTargetIsUnplugged() {
        AgentContainer a = agent("a", 0);
        AgentContainer b = agent("b", 0);
        MeasuringGuest guest = startDirtier(a, 256 * MIB, 32 * MIB);
        MigrationView started = a.api().migrate(GUEST, request(b.address(), SLOW));
        awaitSent(a.api(), started.id(), 4 * MIB);

        docker.disconnectFromNetworkCmd()
                .withNetworkId(network.getId())
                .withContainerId(b.getContainerId())
                .exec();

        assertFailed(awaitEnd(a.api(), started.id()));
        assertRuns(a);
        assertClean(guest);
        awaitEmpty(b.api());
    }

    @Test
    void aContainerRefusesWhatDoesNotFitItsMemory() {
        AgentContainer a = agent("a", 0);
        AgentContainer small = agent("small", 512 * MIB);
        MeasuringGuest guest = startDirtier(a, 1024 * MIB, 8 * MIB);

        MigrationView refused = migrate(a.api(), request(small.address(), 0));

        assertFailed(refused);
        assertTrue(refused.error().contains("does not fit"), refused.error());
        assertEquals(List.of(), small.api().guests(true));
        assertRuns(a);
        assertClean(guest);
    }

    @Test
    void anAgentOfAnotherClusterIsRefused() {
        Path foreign = scratch.resolve("foreign");
        certs(foreign, "b");
        AgentContainer a = agent("a", 0);
        AgentContainer b = agent("b", foreign.resolve("b"), 0);
        MeasuringGuest guest = startDirtier(a, 128 * MIB, 8 * MIB);

        MigrationView refused = migrate(a.api(), request(b.address(), 0));

        assertFailed(refused);
        assertEquals("b:7000 is not trusted: its certificate is not of this cluster's CA", refused.error());
        assertEquals(List.of(), b.api().guests(true));
        assertRuns(a);
        assertClean(guest);
    }

    /** What the command makes for hosts of these names. */
    private static void certs(Path directory, String... hosts) {
        List<String> command = new ArrayList<>(List.of("certs", directory.toString()));
        for (String host : hosts) {
            command.addAll(List.of("--host", host));
        }
        PrintStream nowhere = new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8);
        assertEquals(0, Main.run(command.toArray(String[]::new), nowhere, System.err));
    }

    private AgentContainer agent(String alias, long memoryBytes) {
        return agent(alias, certificates.resolve(alias), memoryBytes);
    }

    /** One whose guests may run before all of their memory is there. */
    private AgentContainer paging(String alias) {
        Docker.requireDevice("/dev/userfaultfd");
        return start(alias, certificates.resolve(alias), 0, AgentContainer::withUserfaultfd);
    }

    private AgentContainer agent(String alias, Path tls, long memoryBytes) {
        return start(alias, tls, memoryBytes, UnaryOperator.identity());
    }

    private AgentContainer start(String alias, Path tls, long memoryBytes, UnaryOperator<AgentContainer> given) {
        try {
            Path directory = Files.createTempDirectory("godwit-" + alias);
            ofTest.push(() -> deleteLeftovers(directory));
            AgentContainer agent = given.apply(new AgentContainer(image, network, alias, directory, tls, memoryBytes));
            ofTest.push(agent);
            agent.start();
            return agent;
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private static void deleteLeftovers(Path directory) throws IOException {
        try (var files = Files.walk(directory)) {
            for (Path file : files.sorted(java.util.Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }

    private static MeasuringGuest startDirtier(AgentContainer at, long memory, long workingSet) {
        String cmdline = DirtierOptions.DEFAULT
                .withWorkingSet(workingSet)
                .withCold(64 * MIB)
                .withRate(5000)
                .commandLine();
        at.api().start(new StartRequest(GUEST, "dirtier", memory, 1, cmdline, null, null, null, null));
        MeasuringGuest guest = new MeasuringGuest(GUEST, at.api());
        guest.awaitReady();
        return guest;
    }

    private static MigrateRequest request(String target, long bandwidth) {
        return new MigrateRequest(target, null, 5000L, bandwidth, 2, true, null);
    }

    private static MigrationView migrate(ApiClient from, MigrateRequest request) {
        return awaitEnd(from, from.migrate(GUEST, request).id());
    }

    private static MigrationView awaitEnd(ApiClient agent, String id) {
        MigrationView now = agent.migration(id, A_MINUTE);
        assertTrue(now.done(), () -> "still going on: " + now.progress());
        return now;
    }

    private static void awaitSent(ApiClient agent, String id, long bytes) {
        MigrationView now = agent.migration(id, Duration.ZERO);
        while (now.progress().sentBytes() < bytes) {
            assertFalse(now.done(), "the migration was quicker than the test: " + now.error());
            now = agent.migration(id, Duration.ofMillis(20)); // waits for its end that long
        }
    }

    /** What it took in so far is given up once it has heard nothing for a while. */
    private static void awaitEmpty(ApiClient agent) {
        long deadline = System.nanoTime() + A_MINUTE.toNanos();
        while (!agent.guests(false).isEmpty()) {
            assertTrue(System.nanoTime() < deadline, () -> "still there: " + agent.guests(false));
            java.util.concurrent.locks.LockSupport.parkNanos(50_000_000);
        }
    }

    private static void awaitTracked(AgentContainer at) {
        Eventually.await(
                () -> {
                    HeatView heat = at.api().heat(GUEST, 0);
                    assertNull(heat.problem());
                    return heat.tracking() && "page moves".equals(heat.mechanism()) && heat.accesses() > 0;
                },
                () -> at.api().heat(GUEST, 0).toString());
    }

    private static void assertFailed(MigrationView migration) {
        assertNotNull(migration.error());
        assertEquals(1, migration.error().lines().count(), migration.error());
    }

    private static void assertRuns(AgentContainer at) {
        GuestView guest = at.api().guest(GUEST);
        assertEquals("running", guest.state());
    }

    private static void assertClean(MeasuringGuest guest) {
        assertTrue(guest.verify() > 0);
        DirtierReport report = guest.report();
        assertEquals(0, report.errors());
        assertEquals(0, report.backwards());
        assertTrue(report.writes() > 0);
    }
}
