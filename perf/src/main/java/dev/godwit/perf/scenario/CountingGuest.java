package dev.godwit.perf.scenario;

import dev.godwit.host.device.SerialLog;
import dev.godwit.host.machine.Machine;
import dev.godwit.images.AccessCounts;
import dev.godwit.images.DirtierReport;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.stream.Stream;

/** A dirtier in this process, asked over its serial port. One thread at a time. */
final class CountingGuest {
    private static final Duration PATIENCE = Duration.ofMinutes(2);
    private static final int CHUNK = 1 << 16;

    private final Machine machine;
    private final StringBuilder unread = new StringBuilder();
    private long offset;

    CountingGuest(Machine machine) {
        this.machine = machine;
    }

    /**
     * How fast it was.
     *
     * @param rate accesses a second
     * @param cpuRate accesses a second of its vCPUs' CPU time, which others on a busy host do not take from it
     */
    record Speed(double rate, double cpuRate) {}

    /** Its speed over a time from now. */
    Speed speed(Duration time) throws InterruptedException {
        ask('z', "ZEROED");
        long before = cpuNanos();
        Thread.sleep(time);
        long after = cpuNanos();
        DirtierReport report = DirtierReport.parse(ask('r', "REPORT "));
        double rate = report.checked() * 1e6 / report.elapsedMicros();
        return new Speed(rate, rate * time.toNanos() / Math.max(1, after - before));
    }

    /** CPU time of all vCPU threads of this process. */
    private static long cpuNanos() {
        try (Stream<Path> tasks = Files.list(Path.of("/proc/self/task"))) {
            return tasks.filter(task -> text(task.resolve("comm")).startsWith("vcpu-"))
                    .mapToLong(task ->
                            Long.parseLong(text(task.resolve("schedstat")).split(" ", 2)[0]))
                    .sum();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** How often it accessed each page since it was last asked for its {@link #speed}. */
    AccessCounts accesses() throws InterruptedException {
        AccessCounts.Reader reader = new AccessCounts.Reader();
        type('a');
        while (true) {
            Optional<AccessCounts> counts = reader.accept(await("ACCESSE"));
            if (counts.isPresent()) {
                return counts.get();
            }
        }
    }

    /** The next line that begins so. */
    String await(String prefix) throws InterruptedException {
        while (true) {
            int end = unread.indexOf("\n");
            if (end < 0) {
                if (!machine.serialLog().awaitMore(offset, PATIENCE)) {
                    throw new IllegalStateException("the guest says no " + prefix + "; it is " + machine.state());
                }
                SerialLog.Chunk chunk = machine.serialLog().read(offset, CHUNK);
                unread.append(new String(chunk.bytes(), StandardCharsets.UTF_8));
                offset = chunk.next();
                continue;
            }
            String line = unread.substring(0, end);
            unread.delete(0, end + 1);
            if (line.startsWith(prefix)) {
                return line;
            }
        }
    }

    private String ask(char command, String prefix) throws InterruptedException {
        type(command);
        return await(prefix);
    }

    private void type(char command) {
        machine.serial().input(new byte[] {(byte) command}, 0, 1);
    }
}
