package dev.godwit.perf.peer;

import dev.godwit.agent.config.Failure;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** A temporary folder in which gcc makes programs of the sources in this package. */
public final class Workshop implements AutoCloseable {
    private static final List<String> PROGRAM = List.of("-O3", "-march=native");
    /** All of it in one segment at 1 MiB, the note behind it. */
    private static final List<String> GUEST = List.of(
            "-nostdlib",
            "-static",
            "-no-pie",
            "-Wl,-N,-e,entry,-Ttext=0x100000,--section-start=.note.pvh=0x107000,--build-id=none");

    private final Path folder;

    public Workshop() {
        try {
            folder = Files.createTempDirectory("godwit-perf");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Builds {@code NAME.c}. */
    public Path program(String name) {
        return build(name + ".c", name, PROGRAM);
    }

    /**
     * Builds the guest that measures its own exits.
     *
     * @param warmups exits before it looks at its clock
     * @param exits exits it measures, or 0 for ever more
     */
    public Path exitGuest(int warmups, int exits) {
        List<String> flags = new ArrayList<>(GUEST);
        flags.add("-DWARMUP=" + warmups);
        flags.add("-DEXITS=" + exits);
        return build("exits.S", "exits-" + warmups + "-" + exits + ".elf", flags);
    }

    private Path build(String source, String output, List<String> flags) {
        Path from = folder.resolve(source);
        Path to = folder.resolve(output);
        Path messages = folder.resolve("gcc.log");
        List<String> command = new ArrayList<>(List.of("gcc"));
        command.addAll(flags);
        command.addAll(List.of("-o", to.toString(), from.toString()));
        try (InputStream in = Workshop.class.getResourceAsStream(source)) {
            Files.copy(in, from, StandardCopyOption.REPLACE_EXISTING);
            Process gcc = start(command, messages);
            if (!gcc.waitFor(1, TimeUnit.MINUTES) || gcc.exitValue() != 0) {
                gcc.destroyForcibly();
                throw Failure.failed("gcc cannot build " + source + ": " + firstError(messages));
            }
            return to;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw Failure.failed("interrupted while gcc builds " + source);
        }
    }

    private static Process start(List<String> command, Path messages) {
        try {
            return new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(messages.toFile())
                    .start();
        } catch (IOException e) {
            throw new Failure(
                    Failure.Kind.NOT_CAPABLE,
                    "cannot run gcc, which builds what is compared with; on Debian: apt-get install gcc libc6-dev",
                    e);
        }
    }

    private static String firstError(Path messages) throws IOException {
        return Files.readString(messages, StandardCharsets.UTF_8)
                .lines()
                .filter(line -> line.contains("error"))
                .findFirst()
                .orElse("it says nothing");
    }

    /** Removes the folder. */
    @Override
    public void close() {
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
            Files.delete(folder);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
