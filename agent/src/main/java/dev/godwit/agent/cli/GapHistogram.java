package dev.godwit.agent.cli;

import dev.godwit.images.DirtierReport;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.TreeMap;

/** Gaps that a guest saw in its own loop, from several reports, drawn with a row for each half decade. */
final class GapHistogram {
    private static final long[] BOUNDS_NANOS = {
        0,
        10_000,
        30_000,
        100_000,
        300_000,
        1_000_000,
        3_000_000,
        10_000_000,
        30_000_000,
        100_000_000,
        300_000_000,
        1_000_000_000,
        Long.MAX_VALUE
    };
    private static final int BAR = 40;

    private final TreeMap<Long, Long> counts = new TreeMap<>();
    private long total;

    void add(DirtierReport report) {
        for (DirtierReport.Bucket bucket : report.gaps()) {
            counts.merge(bucket.lowestNanos(), bucket.count(), Long::sum);
            total += bucket.count();
        }
    }

    long total() {
        return total;
    }

    /** The lowest value of the bucket that holds this share of all gaps, in nanoseconds. */
    long percentile(double share) {
        long rank = (long) Math.ceil(total * share);
        long seen = 0;
        for (var bucket : counts.entrySet()) {
            seen += bucket.getValue();
            if (seen >= rank) {
                return bucket.getKey();
            }
        }
        return counts.isEmpty() ? 0 : counts.lastKey();
    }

    /** One line a row; the bars grow with the logarithm of the count, as most gaps are tiny. */
    List<String> lines() {
        List<String> lines = new ArrayList<>();
        double most = Math.log1p((double) total);
        int last = BOUNDS_NANOS.length - 2;
        while (last > 0 && count(last) == 0) {
            last--;
        }
        for (int row = 0; row <= last; row++) {
            long count = count(row);
            int bar = count == 0 ? 0 : Math.max(1, (int) Math.round(Math.log1p((double) count) / most * BAR));
            lines.add(String.format(Locale.ROOT, "%17s  %12d  %s", label(row), count, "█".repeat(bar))
                    .stripTrailing());
        }
        return lines;
    }

    private long count(int row) {
        return counts.subMap(BOUNDS_NANOS[row], BOUNDS_NANOS[row + 1]).values().stream()
                .mapToLong(Long::longValue)
                .sum();
    }

    private static String label(int row) {
        return row == BOUNDS_NANOS.length - 2
                ? "over " + time(BOUNDS_NANOS[row])
                : row == 0
                        ? "up to " + time(BOUNDS_NANOS[1])
                        : time(BOUNDS_NANOS[row]) + " – " + time(BOUNDS_NANOS[row + 1]);
    }

    private static String time(long nanos) {
        return nanos >= 1_000_000_000
                ? nanos / 1_000_000_000 + " s"
                : nanos >= 1_000_000 ? nanos / 1_000_000 + " ms" : nanos / 1000 + " µs";
    }
}
