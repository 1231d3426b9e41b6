package dev.godwit.perf.targets;

import dev.godwit.perf.report.Figures;

/**
 * What a measure is to reach.
 *
 * @param bound at most or at least this
 * @param isMost whether it is at most
 * @param unit of both; empty for a ratio
 */
public record Limit(double bound, boolean isMost, String unit) {
    static Limit atMost(double bound, String unit) {
        return new Limit(bound, true, unit);
    }

    static Limit atLeast(double bound, String unit) {
        return new Limit(bound, false, unit);
    }

    boolean isReached(double value) {
        return isMost ? value <= bound : value >= bound;
    }

    String text() {
        return (isMost ? "<= " : ">= ") + Figures.of(bound) + (unit.isEmpty() ? "" : " " + unit);
    }
}
