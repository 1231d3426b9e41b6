package dev.godwit.perf.scenario;

import dev.godwit.bindings.linux.ClockCalls;
import dev.godwit.bindings.linux.SystemCallException;
import dev.godwit.host.device.SerialLog;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.memory.PageSize;
import dev.godwit.images.AccessCounts;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** A dirtier in this process, asked over its serial port. One thread at a time. */
final class CountingGuest {
    private static final Duration PATIENCE = Duration.ofMinutes(2);
    private static final int CHUNK = 1 << 16;

    private static final Path TASKS = Path.of("/proc/self/task");
    private static final double NANOS = 1e9;
    /** Of each page of the working set the guest keeps a generation and a count, in front of the working set. */
    private static final int RECORD = 8;

    private static final int RECORD_ACCESSES = 4;

    private final Machine machine;
    private final List<Integer> vcpus;
    private final StringBuilder unread = new StringBuilder();
    private long offset;
    private long table;
    private long pages;

    CountingGuest(Machine machine) {
        this.machine = machine;
        this.vcpus = machine.vcpuThreadIds();
    }

    /**
     * How fast it was: accesses a second.
     *
     * @param rate of time
     * @param cpuRate of its vCPUs' CPU time, which others on a busy host do not take from it; blind to waiting
     * @param ownRate of the time in which no vCPU waited for a CPU: right on a busy host, and sees other waiting
     */
    record Speed(double rate, double cpuRate, double ownRate) {}

    /** What it had done by some moment. */
    private record Moment(long nanos, long cpuNanos, long queuedNanos, long accesses) {}

    /**
     * Its speed while something is done. Before and afterwards all of its memory must be there: its counts are read
     * where the guest keeps them, which it does not notice.
     */
    Speed speed(Turn turn) throws InterruptedException {
        Moment from = moment();
        turn.run();
        Moment to = moment();
        double accesses = to.accesses - from.accesses;
        double nanos = to.nanos - from.nanos;
        double own = nanos - (to.queuedNanos - from.queuedNanos) / (double) vcpus.size();
        return new Speed(
                accesses * NANOS / nanos,
                accesses * NANOS / Math.max(1, to.cpuNanos - from.cpuNanos),
                accesses * NANOS / Math.max(1, own));
    }

    /** What is done while a guest's speed is taken. */
    interface Turn {
        void run() throws InterruptedException;
    }

    private Moment moment() {
        long accesses = 0;
        MemorySegment ram = machine.memory().segment();
        for (long page = 0; page < pages; page++) {
            accesses += Integer.toUnsignedLong(ram.get(ValueLayout.JAVA_INT, table + page * RECORD + RECORD_ACCESSES));
        }
        long now = System.nanoTime();
        long cpu = 0;
        long queued = 0;
        for (int vcpu : vcpus) {
            cpu += SystemCallException.check(ClockCalls.threadCpuNanos(vcpu), "clock_gettime", "thread", vcpu);
            queued += Long.parseLong(text(TASKS.resolve(Integer.toString(vcpu)).resolve("schedstat"))
                    .split(" ", -1)[1]);
        }
        return new Moment(now, cpu, queued, accesses);
    }

    /** Finds out where it counts. To be called once it is ready, before the first {@link #speed}. */
    void meet() throws InterruptedException {
        AccessCounts counts = accesses();
        pages = counts.pages();
        table = counts.page(0) * PageSize.SMALL
                - (pages * RECORD + PageSize.SMALL - 1) / PageSize.SMALL * PageSize.SMALL;
        long now = moment().accesses;
        if (now < counts.total()) {
            throw new IllegalStateException("the guest counted " + counts.total() + " accesses, its table has " + now);
        }
    }

    private static String text(Path file) {
        try {
            return Files.readString(file).strip();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Begins to count anew. */
    void forget() throws InterruptedException {
        ask('z', "ZEROED");
    }

    /** How often it accessed each page since it was last told to {@link #forget}. */
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
