package dev.godwit.perf.targets;

import dev.godwit.agent.config.Failure;
import dev.godwit.perf.peer.Qemu;
import dev.godwit.perf.scenario.HostText;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * Measures rows of the table of targets. A row that fails says so and does not keep the others from being measured.
 *
 * @param rows which, in this order
 * @param memoryBytes RAM of a guest where a row says nothing else; {@link #MEMORY} is what the targets are meant for
 * @param warmups turns that do not count
 * @param runs turns that do
 * @param qemu the QEMU to compare with, or null
 * @param cold measure total time also with the free memory of the host cold
 * @param readyBytes memory that is ready at Godwit's target, a multiple of 2 MiB; unless 0, QEMU's is preallocated
 * @param command how to do it again, for the report
 */
public record TargetsScenario(
        List<TargetRow> rows,
        long memoryBytes,
        int warmups,
        int runs,
        Qemu qemu,
        boolean cold,
        long readyBytes,
        String command) {
    /** RAM of the guests that the targets speak of. */
    public static final long MEMORY = 1L << 30;

    /** Runs it. */
    public TargetResult run(Consumer<String> progress) {
        String date = Instant.now().truncatedTo(ChronoUnit.SECONDS).toString();
        String host = HostText.describe();
        List<TargetLine> lines = new ArrayList<>();
        try (TargetBench bench = new TargetBench(this, progress)) {
            for (TargetRow row : rows) {
                progress.accept("Row " + row.text() + " …");
                lines.addAll(measure(row, bench));
            }
            return new TargetResult(date, host, command, memoryBytes, readyBytes, lines, bench.contests());
        }
    }

    private static List<TargetLine> measure(TargetRow row, TargetBench bench) {
        try {
            return row.measure(bench);
        } catch (Failure e) {
            return List.of(TargetLine.missing(row.text(), row.what(), row.limit(), "failed: " + e.getMessage()));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw Failure.failed("interrupted");
        }
    }
}
