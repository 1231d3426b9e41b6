package dev.godwit.perf.report;

import java.util.Arrays;

/**
 * What is left of a number of measurements of one thing. Percentiles between two measurements are interpolated linearly
 * (definition 7 of Hyndman and Fan, "Sample Quantiles in Statistical Packages", 1996).
 *
 * @param count measurements, at least 1
 * @param min the least
 * @param p10 10th percentile
 * @param median 50th
 * @param p90 90th
 * @param p99 99th; with fewer than a hundred measurements little else than the greatest
 * @param max the greatest
 * @param mean arithmetic mean
 */
public record Distribution(
        int count, double min, double p10, double median, double p90, double p99, double max, double mean) {

    /**
     * Of these measurements, in any order.
     *
     * @throws IllegalArgumentException if there are none, or one is no number
     */
    public static Distribution of(double... values) {
        if (values.length == 0) {
            throw new IllegalArgumentException("a distribution of no measurements");
        }
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        if (Double.isNaN(sorted[sorted.length - 1])) { // it sorts last
            throw new IllegalArgumentException("a measurement is no number");
        }
        return new Distribution(
                sorted.length,
                sorted[0],
                at(sorted, 0.10),
                at(sorted, 0.50),
                at(sorted, 0.90),
                at(sorted, 0.99),
                sorted[sorted.length - 1],
                Arrays.stream(sorted).average().orElseThrow());
    }

    private static double at(double[] sorted, double share) {
        double place = share * (sorted.length - 1);
        int below = (int) place;
        int above = Math.min(below + 1, sorted.length - 1);
        return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
    }

    /** How far apart the 10th and the 90th percentile are, as a share of the median; 0 if that is 0. */
    public double spread() {
        return median == 0 ? 0 : (p90 - p10) / Math.abs(median);
    }
}
