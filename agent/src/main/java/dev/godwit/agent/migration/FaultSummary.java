package dev.godwit.agent.migration;

import org.HdrHistogram.Histogram;

/**
 * How a guest waited for pages that followed it: times in microseconds, from the target's notice of a touch to the page's
 * being there.
 *
 * @param count touches of pages that had not come yet, or had not been put in yet
 * @param brokenChunks large pages that went in page by page and were made whole again
 */
public record FaultSummary(
        long count, double p50, double p90, double p99, double max, double total, long brokenChunks) {
    static FaultSummary of(Histogram nanos, long brokenChunks) {
        return new FaultSummary(
                nanos.getTotalCount(),
                nanos.getValueAtPercentile(50) / 1e3,
                nanos.getValueAtPercentile(90) / 1e3,
                nanos.getValueAtPercentile(99) / 1e3,
                nanos.getMaxValue() / 1e3,
                nanos.getMean() * nanos.getTotalCount() / 1e3,
                brokenChunks);
    }
}
