package dev.godwit.agent.process;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/**
 * What a process holds. Source: proc(5).
 *
 * @param threads how many
 * @param descriptors open files
 * @param residentBytes memory
 */
record ProcessSize(int threads, int descriptors, long residentBytes) {
    static ProcessSize of(Process process) {
        Path proc = Path.of("/proc", Long.toString(process.pid()));
        try (Stream<Path> fds = Files.list(proc.resolve("fd"))) {
            String status = Files.readString(proc.resolve("status"));
            return new ProcessSize((int) number(status, "Threads:"), (int) fds.count(), number(status, "VmRSS:") << 10);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static long number(String status, String name) {
        return status.lines()
                .filter(line -> line.startsWith(name))
                .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")))
                .findFirst()
                .orElseThrow();
    }
}
