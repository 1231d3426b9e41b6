package dev.godwit.perf.targets;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** The rows of the table. */
public enum TargetRow {
    TOTAL_TIME("total time, QEMU's best over Godwit's", Limit.atLeast(4, ""), TotalTimeRow::measure),
    THROUGHPUT("share of raw loopback TCP", Limit.atLeast(0.75, ""), ThroughputRow::measure),
    GAP_PRECOPY("longest gap the guest saw, precopy", Limit.atMost(30, "ms"), GapRows::precopy),
    GAP_HYBRID("longest gap the guest saw, hybrid", Limit.atMost(15, "ms"), GapRows::hybrid),
    CONVERGE("total time over RAM / bandwidth, auto", Limit.atMost(1.3, ""), ConvergeRow::measure),
    RESUME("time to resume, eight times the RAM", Limit.atMost(2, ""), ResumeRow::measure),
    FAULT("postcopy fault, p99", Limit.atMost(3, ""), FaultRow::measure),
    ZERO("share of the read-scan limit", Limit.atLeast(0.6, ""), ZeroRow::measure),
    HOT_FIRST("blocked after resume, address order over hottest first", Limit.atLeast(5, ""), HotFirstRow::measure),
    COVERAGE("2 MiB coverage one second after", Limit.atLeast(100, "%"), CoverageRow::measure),
    TRACKING("access tracking", Limit.atMost(2, "%"), TrackingRow::measure),
    RESTORE("time to run after restore, sixteen times the RAM", Limit.atMost(2, ""), RestoreRow::measure),
    MEMORY_HOST("75 % of its pages on a memory host", Limit.atMost(0.35, ""), MemoryHostRow::measure);

    private final String what;

    @SuppressWarnings("ImmutableEnumChecker") // a record of values
    private final Limit limit;

    @SuppressWarnings("ImmutableEnumChecker") // a static method
    private final Way way;

    /** Measures it. */
    interface Way {
        List<TargetLine> measure(TargetBench bench) throws InterruptedException;
    }

    TargetRow(String what, Limit limit, Way way) {
        this.what = what;
        this.limit = limit;
        this.way = way;
    }

    /** The name users write. */
    public String text() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** All names, for messages. */
    public static String names() {
        return Arrays.stream(values()).map(TargetRow::text).collect(Collectors.joining(", "));
    }

    String what() {
        return what;
    }

    Limit limit() {
        return limit;
    }

    List<TargetLine> measure(TargetBench bench) throws InterruptedException {
        return way.measure(bench);
    }
}
