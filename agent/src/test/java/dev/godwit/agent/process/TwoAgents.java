package dev.godwit.agent.process;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.api.ApiClient;
import dev.godwit.agent.api.MigrateRequest;
import dev.godwit.agent.api.MigrationView;
import dev.godwit.agent.api.StartRequest;
import dev.godwit.agent.cli.AgentProcess;
import dev.godwit.agent.cli.MeasuringGuest;
import dev.godwit.agent.config.SecretFile;
import dev.godwit.host.thread.Precedence;
import dev.godwit.host.thread.PromptThread;
import dev.godwit.images.DirtierOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.IntConsumer;
import java.util.stream.Stream;

/** Two agent processes that know the same secret, {@code a} and {@code b}; either may be killed and started again. */
final class TwoAgents implements AutoCloseable {
    static final long MIB = 1L << 20;
    /** What a pause may take where it is not about that: on a busy host its fixed part alone exceeds the default. */
    static final long DOWNTIME_MILLIS = 5000;

    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private final Path directory;
    private AgentProcess a;
    private AgentProcess b;

    TwoAgents() throws IOException {
        directory = Files.createTempDirectory("godwit-it");
        SecretFile.readOrCreate(directory.resolve("secret"));
        a = start("a");
        b = start("b");
    }

    private AgentProcess start(String name) {
        return AgentProcess.start(
                directory.resolve(name),
                "127.0.0.1:0",
                List.of("--secret", directory.resolve("secret").toString()));
    }

    AgentProcess a() {
        return a;
    }

    AgentProcess b() {
        return b;
    }

    AgentProcess other(AgentProcess agent) {
        return agent == a ? b : a;
    }

    Path directory() {
        return directory;
    }

    /** Ends it as kill -9 does, if it lives, and starts one in the same directory. */
    AgentProcess restart(AgentProcess agent) {
        kill(agent);
        if (agent == a) {
            a = start("a");
            return a;
        }
        b = start("b");
        return b;
    }

    static void kill(AgentProcess agent) {
        agent.process().destroyForcibly();
        try {
            assertTrue(agent.process().waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS), "kill -9 had no effect");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    /** Starts a guest that writes and checks, and waits until its memory is filled. */
    static MeasuringGuest startDirtier(AgentProcess at, String name, long memory, DirtierOptions options) {
        ApiClient api = at.client();
        api.start(new StartRequest(
                name, "dirtier", memory, options.cpus(), options.commandLine(), null, null, null, null));
        MeasuringGuest guest = new MeasuringGuest(name, api);
        guest.awaitReady();
        return guest;
    }

    /** A request without limits on what is sent, with verification. */
    static MigrateRequest to(AgentProcess target) {
        return new MigrateRequest(target.address(), null, DOWNTIME_MILLIS, null, 2, true, null);
    }

    /** Waits for the end of a migration. */
    static MigrationView awaitEnd(AgentProcess at, String id) {
        MigrationView now = at.client().migration(id, PATIENCE);
        assertTrue(now.done(), () -> "still going on: " + now);
        return now;
    }

    /** Does it for 0 to {@code count - 1}, all at the same time, also beside guests that leave others no time. */
    static void all(int count, IntConsumer task) {
        try (ExecutorService threads = PromptThread.pool("asks-", Precedence.CONTROL)) {
            List<Future<?>> running = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                int number = i;
                running.add(threads.submit(() -> task.accept(number)));
            }
            for (Future<?> each : running) {
                each.get();
            }
        } catch (ExecutionException e) {
            throw new AssertionError(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void close() throws IOException {
        a.close();
        b.close();
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
