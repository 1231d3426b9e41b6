package dev.godwit.agent.cli;

import dev.godwit.agent.api.ApiClient;
import dev.godwit.agent.config.Failure;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * An agent in a process of its own, on this machine: the same Java, class path and options as here. Its standard error
 * goes to {@code agent.log} in its directory.
 */
public final class AgentProcess implements AutoCloseable {
    private static final Pattern READY = Pattern.compile("godwit agent ready: api (.*), migrations on (\\S+)");
    private static final long START_SECONDS = 60;
    private static final long STOP_SECONDS = 20;
    /** From the end of its output to its exit. */
    private static final long EXIT_SECONDS = 2;

    private static final String PREFIX = "godwit: ";

    private final Process process;
    private final Path socket;
    private final String address;

    private AgentProcess(Process process, Path socket, String address) {
        this.process = process;
        this.socket = socket;
        this.address = address;
    }

    /**
     * Starts one, with its directory {@code directory}, and waits until it serves.
     *
     * @param listen where migrations are to arrive, {@code host:port}; port 0 is any that is free
     * @param options more options of {@code godwit agent}
     * @throws Failure when it does not, with its own words
     */
    public static AgentProcess start(Path directory, String listen, List<String> options) {
        try {
            Files.createDirectories(directory);
            File log = directory.resolve("agent.log").toFile();
            List<String> command = javaCommand();
            command.addAll(List.of("agent", "--dir", directory.toString(), "--listen", listen));
            command.addAll(options);
            Process process = new ProcessBuilder(command)
                    .redirectError(ProcessBuilder.Redirect.appendTo(log))
                    .redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")))
                    .start();
            return ready(process, log);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static AgentProcess ready(Process process, File log) throws IOException {
        BufferedReader out = process.inputReader();
        try {
            String line = CompletableFuture.supplyAsync(() -> firstLine(out)).get(START_SECONDS, TimeUnit.SECONDS);
            Matcher m = READY.matcher(line);
            if (m.matches()) {
                return new AgentProcess(process, Path.of(m.group(1)), m.group(2));
            }
        } catch (TimeoutException | ExecutionException e) {
            // Its log says more.
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        List<String> words = Files.readAllLines(log.toPath());
        String last = words.isEmpty() ? "it says nothing" : words.getLast();
        throw new Failure(
                kind(process),
                "an agent did not start: " + (last.startsWith(PREFIX) ? last.substring(PREFIX.length()) : last));
    }

    /** What its exit status says; one that still runs is ended. */
    private static Failure.Kind kind(Process process) {
        try {
            if (process.waitFor(EXIT_SECONDS, TimeUnit.SECONDS)) {
                return switch (process.exitValue()) {
                    case ExitCode.USAGE -> Failure.Kind.BAD_INPUT;
                    case ExitCode.NOT_CAPABLE -> Failure.Kind.NOT_CAPABLE;
                    default -> Failure.Kind.FAILED;
                };
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        process.destroyForcibly();
        return Failure.Kind.FAILED;
    }

    private static String firstLine(BufferedReader out) {
        try {
            String line = out.readLine();
            return line == null ? "" : line;
        } catch (IOException e) {
            return "";
        }
    }

    /** How this process was started, up to its main class. */
    private static List<String> javaCommand() {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
        return command;
    }

    /** Where its API is served. */
    public Path socket() {
        return socket;
    }

    /** Where its migrations arrive, {@code host:port}. */
    public String address() {
        return address;
    }

    /** A client of it. */
    public ApiClient client() {
        return new ApiClient(socket);
    }

    /** Waits until it does nothing any more of its own accord: for measurements. */
    public void awaitRehearsed() {
        ApiClient client = client();
        while (!client.host().rehearsed()) {
            LockSupport.parkNanos(20_000_000);
        }
    }

    /** The process itself. */
    public Process process() {
        return process;
    }

    /** Ends it as SIGTERM does, or, when that takes too long, as SIGKILL. */
    @Override
    public void close() {
        process.destroy();
        try {
            if (!process.waitFor(STOP_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }
}
