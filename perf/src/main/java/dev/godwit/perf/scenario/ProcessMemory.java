package dev.godwit.perf.scenario;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * What of a process is in memory, in bytes.
 *
 * <p>Source: {@code /proc/PID/smaps}, see the kernel's {@code Documentation/filesystems/proc.rst}. Guest RAM is told from
 * the rest by its flags: large pages advised and left out of core dumps, which nothing else in an agent has both.
 *
 * @param resident all that is resident
 * @param guest resident guest RAM
 * @param proportional all of it, shared pages by their share
 */
record ProcessMemory(long resident, long guest, long proportional) {
    private static final List<String> GUEST_FLAGS = List.of("hg", "dd");

    static ProcessMemory of(long pid) {
        try (BufferedReader smaps =
                Files.newBufferedReader(Path.of("/proc", Long.toString(pid), "smaps"), StandardCharsets.UTF_8)) {
            return parse(smaps);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static ProcessMemory parse(BufferedReader smaps) throws IOException {
        long resident = 0;
        long guest = 0;
        long proportional = 0;
        long ofMapping = 0;
        for (String line = smaps.readLine(); line != null; line = smaps.readLine()) {
            if (line.startsWith("Rss:")) {
                ofMapping = bytes(line);
                resident += ofMapping;
            } else if (line.startsWith("Pss:")) {
                proportional += bytes(line);
            } else if (line.startsWith("VmFlags:")
                    && List.of(line.split(" +", -1)).containsAll(GUEST_FLAGS)) {
                guest += ofMapping;
            }
        }
        return new ProcessMemory(resident, guest, proportional);
    }

    private static long bytes(String line) {
        String[] words = line.split(" +", -1);
        return Long.parseLong(words[1]) << 10;
    }

    /** Resident without guest RAM. */
    long overhead() {
        return resident - guest;
    }
}
