package dev.godwit.perf.scenario;

import dev.godwit.agent.cli.AgentProcess;
import dev.godwit.agent.config.SecretFile;
import dev.godwit.agent.transport.Secret;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** A temporary directory, and agents of this very build in it, each in a process of its own; all of it goes at the end. */
public final class Stage implements AutoCloseable {
    private final Path directory;
    private final Path secret;
    private final List<AgentProcess> agents = new ArrayList<>();
    private final Thread onInterrupt = Thread.ofPlatform().name("clean-up").unstarted(this::clean);

    /** An empty one. */
    public Stage() {
        try {
            directory = Files.createTempDirectory("godwit-bench");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        secret = directory.resolve("secret");
        SecretFile.readOrCreate(secret);
        Runtime.getRuntime().addShutdownHook(onInterrupt);
    }

    /** Starts one more agent, with migrations on any free port of the loopback. */
    public AgentProcess agent() {
        return agent(0);
    }

    /** As {@link #agent()}, with so many bytes of memory ready for guests that arrive. */
    public AgentProcess agent(long readyBytes) {
        AgentProcess agent = AgentProcess.start(
                directory.resolve("agent-" + agents.size()),
                "127.0.0.1:0",
                List.of("--secret", secret.toString(), "--ready-memory", Long.toString(readyBytes)));
        agents.add(agent);
        agent.awaitRehearsed();
        return agent;
    }

    /** What all that runs here proves to know. */
    public Secret secret() {
        return SecretFile.read(secret);
    }

    /** Where all of it lies. */
    public Path directory() {
        return directory;
    }

    private void clean() {
        agents.forEach(AgentProcess::close);
        try (Stream<Path> all = Files.walk(directory)) {
            for (Path file : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        try {
            Runtime.getRuntime().removeShutdownHook(onInterrupt);
        } catch (IllegalStateException e) {
            return; // the hook is at it
        }
        clean();
    }
}
