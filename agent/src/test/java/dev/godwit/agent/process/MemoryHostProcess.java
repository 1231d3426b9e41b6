package dev.godwit.agent.process;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.cli.Main;
import dev.godwit.agent.config.HostPort;
import java.io.BufferedReader;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** {@code godwit memory-host} in a process of its own; its standard error goes to a file. */
final class MemoryHostProcess implements AutoCloseable {
    private static final Pattern READY = Pattern.compile("godwit memory-host ready: pages on (\\S+), (.*)");
    private static final long PATIENCE_SECONDS = 60;

    private final Process process;
    private final Path log;
    private final String firstLine;

    private MemoryHostProcess(Process process, Path log, String firstLine) {
        this.process = process;
        this.log = log;
        this.firstLine = firstLine;
    }

    /** Starts one, and waits for its first line or its end. */
    static MemoryHostProcess start(Path log, List<String> options) throws IOException {
        List<String> command = JavaCommand.of(List.of(), Main.class, "memory-host");
        command.addAll(options);
        Process process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.appendTo(log.toFile()))
                .start();
        BufferedReader out = process.inputReader();
        String line = out.readLine();
        return new MemoryHostProcess(process, log, line == null ? "" : line);
    }

    /** The first line that it printed; empty when it ended without. */
    String firstLine() {
        return firstLine;
    }

    InetSocketAddress address() throws IOException {
        Matcher m = READY.matcher(firstLine);
        assertTrue(m.matches(), "not ready: " + firstLine + log());
        return HostPort.parseTarget("address", m.group(1));
    }

    /** What it has logged. */
    String log() throws IOException {
        return Files.readString(log);
    }

    /** Sends a signal that does not end it. */
    void send(Signal signal) {
        signal.send(process);
    }

    /** Sends a signal and waits for the end; returns the exit status. */
    int end(Signal signal) throws InterruptedException {
        signal.send(process);
        return exit();
    }

    /** Waits for the end; returns the exit status. */
    int exit() throws InterruptedException {
        assertTrue(process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS), "it does not end");
        return process.exitValue();
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }
}
