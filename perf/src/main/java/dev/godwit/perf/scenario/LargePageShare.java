package dev.godwit.perf.scenario;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * How much of a guest's RAM is in 2 MiB pages, by the kernel's own accounting and alike for Godwit and QEMU: both advise
 * or reserve large pages for RAM and hardly anything else.
 *
 * <p>Source: {@code /proc/PID/smaps}, see the kernel's {@code Documentation/filesystems/proc.rst}.
 */
final class LargePageShare {
    private LargePageShare() {}

    /** In per cent of so many bytes, of the only guest in the process. */
    static double percent(long pid, long memoryBytes) {
        try (BufferedReader smaps =
                Files.newBufferedReader(Path.of("/proc", Long.toString(pid), "smaps"), StandardCharsets.UTF_8)) {
            return Math.min(100, 100.0 * largeBytes(smaps) / memoryBytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static long largeBytes(BufferedReader smaps) throws IOException {
        long sum = 0;
        long ofMapping = 0;
        for (String line = smaps.readLine(); line != null; line = smaps.readLine()) {
            if (line.startsWith("AnonHugePages:")
                    || line.startsWith("Private_Hugetlb:")
                    || line.startsWith("Shared_Hugetlb:")) {
                ofMapping += Long.parseLong(line.split(" +", -1)[1]) << 10;
            } else if (line.startsWith("VmFlags:")) { // the last of a mapping
                boolean isLarge = line.contains(" hg") || line.contains(" ht");
                sum += isLarge ? ofMapping : 0;
                ofMapping = 0;
            }
        }
        return sum;
    }
}
