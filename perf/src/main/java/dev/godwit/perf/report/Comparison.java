package dev.godwit.perf.report;

/**
 * Two ways of doing the same, measured in turns in one run: A B A B … A pair is one of each, one right after the other,
 * so that what the rest of the machine does meanwhile falls on both.
 *
 * @param name what is done
 * @param unit of the figures of both sides
 * @param left the way that is judged
 * @param right the way it is judged by
 * @param leftFigures one a round
 * @param rightFigures one a round
 * @param ratios left over right, pair by pair
 * @param ratio median of left over median of right
 * @param target the ratio may be at most this; null where there is no target
 * @param met whether it is; null where there is no target
 */
public record Comparison(
        String name,
        String unit,
        String left,
        String right,
        Distribution leftFigures,
        Distribution rightFigures,
        Distribution ratios,
        double ratio,
        Double target,
        Boolean met) {

    /** Of the figures of both sides, the same number, pair by pair. */
    public static Comparison of(
            String name, String unit, String left, double[] lefts, String right, double[] rights, Double target) {
        if (lefts.length != rights.length) {
            throw new IllegalArgumentException(lefts.length + " and " + rights.length + " figures are no pairs");
        }
        double[] ratios = new double[lefts.length];
        for (int i = 0; i < ratios.length; i++) {
            ratios[i] = lefts[i] / rights[i];
        }
        Distribution a = Distribution.of(lefts);
        Distribution b = Distribution.of(rights);
        double ratio = a.median() / b.median();
        return new Comparison(
                name, unit, left, right, a, b, Distribution.of(ratios), ratio, target, met(ratio, target));
    }

    private static Boolean met(double ratio, Double target) {
        return target == null ? null : ratio <= target;
    }
}
