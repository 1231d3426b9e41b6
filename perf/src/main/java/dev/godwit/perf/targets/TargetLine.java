package dev.godwit.perf.targets;

import dev.godwit.perf.report.Comparison;
import dev.godwit.perf.report.Distribution;

/**
 * One measure against its target.
 *
 * @param row the name of the row that it belongs to
 * @param measure what is measured
 * @param limit the target; null for what is only shown beside
 * @param value the median, or the ratio of two medians; null where it could not be measured
 * @param low 10th percentile, of a ratio that of the pairs; null as value
 * @param high 90th percentile
 * @param count measurements, or pairs
 * @param by what it is compared by
 * @param reached whether the target is; null where there is none, or nothing to judge
 * @param note what else there is to say, in one line; may be empty
 */
public record TargetLine(
        String row,
        String measure,
        Limit limit,
        Double value,
        Double low,
        Double high,
        int count,
        String by,
        Boolean reached,
        String note) {

    static TargetLine of(String row, String measure, Limit limit, Distribution d, String by, String note) {
        return new TargetLine(
                row, measure, limit, d.median(), d.p10(), d.p90(), d.count(), by, reached(limit, d.median()), note);
    }

    static TargetLine ratio(String row, String measure, Limit limit, Comparison c, String note) {
        return new TargetLine(
                row,
                measure,
                limit,
                c.ratio(),
                c.ratios().p10(),
                c.ratios().p90(),
                c.ratios().count(),
                c.right(),
                reached(limit, c.ratio()),
                note);
    }

    /** It could not be measured. */
    static TargetLine missing(String row, String measure, Limit limit, String why) {
        return new TargetLine(row, measure, limit, null, null, null, 0, "", null, why);
    }

    /** The same, with another name for what it is compared by. */
    TargetLine by(String name) {
        return new TargetLine(row, measure, limit, value, low, high, count, name, reached, note);
    }

    /** The same without a judgement, and why. */
    TargetLine unjudged(String why) {
        return new TargetLine(
                row, measure, limit, value, low, high, count, by, null, note.isEmpty() ? why : note + "; " + why);
    }

    String verdict() {
        return limit == null ? "" : value == null ? "not measured" : reached == null ? "not judged" : word();
    }

    private String word() {
        return reached ? "reached" : "MISSED";
    }

    private static Boolean reached(Limit limit, double value) {
        return limit == null ? null : limit.isReached(value);
    }
}
