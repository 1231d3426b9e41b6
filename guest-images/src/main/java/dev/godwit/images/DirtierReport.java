package dev.godwit.images;

import java.util.List;
import java.util.stream.Collectors;

/**
 * What a measuring guest ({@code dirtier}, {@code zero}, {@code blk}) saw since its window was last zeroed: its line
 * that begins with {@code REPORT}. Fields that this version does not know are ignored. Immutable.
 *
 * @param vcpus vCPUs at work
 * @param tscKhz frequency by which the guest turned cycles into time
 * @param tscSource where it has the frequency from: {@code cmdline}, {@code cpuid15}, {@code cpuid40000010}, or
 *     {@code assumed}, which makes all times doubtful
 * @param elapsedMicros length of the window in guest time
 * @param writes pages (or blocks) written
 * @param checked pages (or blocks) checked
 * @param swept cold pages checked by the sweep
 * @param sweeps complete sweeps of the cold memory
 * @param errors wrong pages found; the guest ends at the first
 * @param backwards times the time stamp counter ran backwards
 * @param maxGapMicros longest time between two looks at the clock on any vCPU
 * @param maxGapAtMicros where in the window that gap ended
 * @param p50Nanos median gap of all vCPUs
 * @param p90Nanos 90th percentile
 * @param p99Nanos 99th percentile
 * @param p999Nanos 99.9th percentile
 * @param vcpuMaxGapMicros longest gap of each vCPU
 * @param gaps non-empty buckets, ascending: 3 % wide from 10 µs on, powers of two below
 */
public record DirtierReport(
        int vcpus,
        long tscKhz,
        String tscSource,
        long elapsedMicros,
        long writes,
        long checked,
        long swept,
        long sweeps,
        long errors,
        long backwards,
        long maxGapMicros,
        long maxGapAtMicros,
        long p50Nanos,
        long p90Nanos,
        long p99Nanos,
        long p999Nanos,
        List<Long> vcpuMaxGapMicros,
        List<Bucket> gaps) {

    private static final String PREFIX = "REPORT ";

    /**
     * One bucket of the histogram.
     *
     * @param lowestNanos least gap it counts
     * @param count gaps counted
     */
    public record Bucket(long lowestNanos, long count) {
        @Override
        public String toString() {
            return lowestNanos + ":" + count;
        }
    }

    /** Copies the lists. */
    public DirtierReport {
        vcpuMaxGapMicros = List.copyOf(vcpuMaxGapMicros);
        gaps = List.copyOf(gaps);
    }

    /** Whether {@link #parse} is meant for this line. */
    public static boolean isReport(String line) {
        return line.startsWith(PREFIX);
    }

    /**
     * Reads a report.
     *
     * @param line as the guest printed it; blanks around it do not matter
     * @throws IllegalArgumentException naming the field that is missing or no number
     */
    public static DirtierReport parse(String line) {
        GuestLine fields = new GuestLine("REPORT", line.strip());
        return new DirtierReport(
                Math.toIntExact(fields.number("vcpus")),
                fields.number("tsc_khz"),
                fields.text("tsc_source"),
                fields.number("elapsed_us"),
                fields.number("writes"),
                fields.number("checked"),
                fields.number("swept"),
                fields.number("sweeps"),
                fields.number("errors"),
                fields.number("backwards"),
                fields.number("max_gap_us"),
                fields.number("max_gap_at_us"),
                fields.number("p50_ns"),
                fields.number("p90_ns"),
                fields.number("p99_ns"),
                fields.number("p999_ns"),
                fields.numbers("vcpu_max_gap_us"),
                fields.buckets("gaps"));
    }

    /** The line as the guest prints it: {@code parse(line()).equals(this)}. */
    public String line() {
        return PREFIX + "vcpus=" + vcpus + " tsc_khz=" + tscKhz + " tsc_source=" + tscSource + " elapsed_us="
                + elapsedMicros + " writes=" + writes + " checked=" + checked + " swept=" + swept + " sweeps=" + sweeps
                + " errors=" + errors + " backwards=" + backwards + " max_gap_us=" + maxGapMicros + " max_gap_at_us="
                + maxGapAtMicros + " p50_ns=" + p50Nanos + " p90_ns=" + p90Nanos + " p99_ns=" + p99Nanos + " p999_ns="
                + p999Nanos + " vcpu_max_gap_us=" + joined(vcpuMaxGapMicros) + " gaps="
                + (gaps.isEmpty() ? "-" : joined(gaps));
    }

    private static String joined(List<?> values) {
        return values.stream().map(Object::toString).collect(Collectors.joining(","));
    }
}
