package dev.godwit.agent.cli;

import dev.godwit.agent.api.Agent;
import dev.godwit.agent.api.ApiClient;
import dev.godwit.agent.api.HeatRequest;
import dev.godwit.agent.api.MigrateRequest;
import dev.godwit.agent.api.MigrationView;
import dev.godwit.agent.api.StartRequest;
import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.HostPort;
import dev.godwit.agent.config.SecretFile;
import dev.godwit.agent.memoryhost.MemoryHost;
import dev.godwit.agent.migration.MigrationMode;
import dev.godwit.agent.transport.Secret;
import dev.godwit.images.DirtierOptions;
import java.io.OutputStream;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * What the launcher's build records for its ahead-of-time cache: short commands one after another in one JVM, and, where
 * this host runs guests, one that moves between two agents in every mode, and one with a memory host. The cache holds the
 * classes, so that commands start soon, and how often methods were called and with what, so that an agent's compiler is
 * done with them before its first guest comes. A recording of a single command would leave out most of what the others
 * load. It changes nothing: the agents and their guests go again, and the commands that would talk to an agent fail to
 * reach it.
 */
final class Rehearsal {
    private static final String NO_AGENT = "--agent=/dev/null/api.sock";

    private static final String[][] COMMANDS = {
        {"--help"},
        {"check", "--json"},
        {NO_AGENT, "ps", "--json"},
        {NO_AGENT, "show", "guest"},
        {NO_AGENT, "start", "guest", "--image", "hello", "--memory", "64m"},
        {NO_AGENT, "migrate", "guest", "--to", "127.0.0.1:7000"},
    };

    private static final String GUEST = "rehearsal";
    private static final String REMOTE_GUEST = "rehearsal-remote";
    private static final long MEMORY = 128L << 20;
    /** Of a migration that takes half a second. */
    private static final int PATIENCE_SECONDS = 60;

    private Rehearsal() {}

    public static void main(String[] args) {
        PrintStream nowhere = new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8);
        for (String[] command : COMMANDS) {
            Main.run(command, nowhere, nowhere);
        }
        // The cache serves commands all the same.
        migrate().forEach(System.err::println);
    }

    /**
     * Migrates a guest to and fro in every mode, between agents that live no longer than this takes.
     *
     * @return what could not be rehearsed, and why: on a host without KVM, all
     */
    static List<String> migrate() {
        List<String> problems = new ArrayList<>();
        try (TemporaryDirectory directory = new TemporaryDirectory("godwit-rehearsal")) {
            Secret secret = SecretFile.readOrCreate(directory.path().resolve("secret"));
            try (Agent a = agent(directory.path().resolve("a"), secret);
                    Agent b = agent(directory.path().resolve("b"), secret)) {
                ApiClient from = new ApiClient(a.socket());
                ApiClient to = new ApiClient(b.socket());
                from.start(new StartRequest(GUEST, "dirtier", MEMORY, 1, cmdline(), null, null, null, null));
                new MeasuringGuest(GUEST, from).awaitReady();
                // Then its pages go in the order of their heat.
                attempt(problems, "tracking", () -> from.track(GUEST, new HeatRequest(null, null)));
                for (MigrationMode mode : MigrationMode.values()) {
                    attempt(problems, mode.text(), () -> {
                        migrate(GUEST, from, b, mode);
                        migrate(GUEST, to, a, mode);
                    });
                }
                from.stop(GUEST);
                attempt(problems, "memory host", () -> migrateRemote(a, b, secret));
            }
        } catch (RuntimeException e) {
            problems.add("migration: " + e.getMessage());
        }
        return problems;
    }

    private static String cmdline() {
        return DirtierOptions.DEFAULT
                .withWorkingSet(MEMORY / 16)
                .withCold(DirtierOptions.ALL)
                .commandLine();
    }

    /** To and fro, with most of its memory at a memory host. */
    private static void migrateRemote(Agent a, Agent b, Secret secret) {
        InetSocketAddress anyPort = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
        try (MemoryHost host = MemoryHost.start(anyPort, secret, MEMORY, null, Duration.ZERO)) {
            ApiClient from = new ApiClient(a.socket());
            StartRequest.MemoryHost there = new StartRequest.MemoryHost(HostPort.text(host.address()), MEMORY / 4);
            from.start(new StartRequest(REMOTE_GUEST, "dirtier", MEMORY, 1, cmdline(), null, null, null, null, there));
            new MeasuringGuest(REMOTE_GUEST, from).awaitReady();
            for (MigrationMode mode : List.of(MigrationMode.AUTO, MigrationMode.HYBRID)) {
                migrate(REMOTE_GUEST, from, b, mode);
                migrate(REMOTE_GUEST, new ApiClient(b.socket()), a, mode);
            }
            from.stop(REMOTE_GUEST);
        }
    }

    private static void attempt(List<String> problems, String what, Runnable work) {
        try {
            work.run();
        } catch (RuntimeException e) {
            problems.add(what + ": " + e.getMessage());
        }
    }

    private static Agent agent(Path directory, Secret secret) {
        return Agent.start(directory, new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), secret);
    }

    private static void migrate(String guest, ApiClient from, Agent to, MigrationMode mode) {
        MigrateRequest request =
                new MigrateRequest(HostPort.text(to.address()), mode.text(), null, null, null, null, null);
        MigrationView migration = from.migrate(guest, request);
        for (int i = 0; i < PATIENCE_SECONDS && !migration.done(); i++) {
            migration = from.migration(migration.id(), Duration.ofSeconds(1));
        }
        if (!migration.done() || migration.error() != null) {
            throw Failure.failed(migration.done() ? migration.error() : "it takes too long");
        }
    }
}
