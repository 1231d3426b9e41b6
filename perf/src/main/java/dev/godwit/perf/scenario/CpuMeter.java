package dev.godwit.perf.scenario;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/**
 * Processor time of processes without that of their vCPU threads, which the guest uses for itself. A vCPU thread that
 * ends takes what it used since the last {@link #sample} with it, which then counts as not a vCPU's: sample often.
 *
 * <p>Source: {@code /proc/PID/stat}, see proc(5); its unit is 10 ms on Linux (USER_HZ), whatever the kernel's tick. One
 * thread at a time.
 */
final class CpuMeter {
    private static final double MILLIS_PER_TICK = 10;
    /** Of the words behind the program's name: utime and stime. */
    private static final int USER = 11;

    private final long[] pids;
    private final long ticksAtStart;
    private final Map<Path, Long> vcpusAtStart = new HashMap<>();
    private final Map<Path, Long> vcpus = new HashMap<>();

    /** From now on. */
    CpuMeter(long... pids) {
        this.pids = pids.clone();
        ticksAtStart = processTicks();
        sample();
        vcpusAtStart.putAll(vcpus);
    }

    /** Looks at the vCPU threads. */
    void sample() {
        for (long pid : pids) {
            try (DirectoryStream<Path> tasks =
                    Files.newDirectoryStream(process(pid).resolve("task"))) {
                for (Path task : tasks) {
                    sampleIfVcpu(task);
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    private void sampleIfVcpu(Path task) {
        try {
            if (vcpus.containsKey(task)
                    || isVcpu(Files.readString(task.resolve("comm")).strip())) {
                vcpus.put(task, ticks(Files.readString(task.resolve("stat"), StandardCharsets.ISO_8859_1)));
            }
        } catch (IOException e) {
            // It has just ended.
        }
    }

    /** As Godwit and QEMU name them. */
    static boolean isVcpu(String threadName) {
        return threadName.matches("vcpu-[0-9]+|CPU [0-9]+/KVM");
    }

    /** Milliseconds so far. */
    double millis() {
        long ofVcpus = 0;
        for (Map.Entry<Path, Long> vcpu : vcpus.entrySet()) {
            ofVcpus += vcpu.getValue() - vcpusAtStart.getOrDefault(vcpu.getKey(), 0L);
        }
        return Math.max(0, processTicks() - ticksAtStart - ofVcpus) * MILLIS_PER_TICK;
    }

    private long processTicks() {
        long sum = 0;
        for (long pid : pids) {
            try {
                sum += ticks(Files.readString(process(pid).resolve("stat"), StandardCharsets.ISO_8859_1));
            } catch (NoSuchFileException e) {
                throw new UncheckedIOException("process " + pid + " is gone", e);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        return sum;
    }

    /** The name in parentheses may itself hold blanks and parentheses. */
    static long ticks(String stat) {
        String[] words = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
        return Long.parseLong(words[USER]) + Long.parseLong(words[USER + 1]);
    }

    private static Path process(long pid) {
        return Path.of("/proc", Long.toString(pid));
    }
}
