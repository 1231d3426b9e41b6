package dev.godwit.perf.report;

/** Measures two ways of doing the same in turns. */
public final class Turns {
    private Turns() {}

    /** One way of doing it. */
    @FunctionalInterface
    public interface Way {
        /** Does it for a while, and says what one operation cost. */
        double measure() throws Exception;
    }

    /**
     * Measures A B A B ….
     *
     * @param name what is done
     * @param unit of what the ways return
     * @param warmups pairs that do not count
     * @param rounds pairs that do, at least 1
     * @param target the most that left may cost, as a multiple of right, or null
     */
    public static Comparison compare(
            String name, String unit, String left, Way a, String right, Way b, int warmups, int rounds, Double target)
            throws Exception {
        double[] lefts = new double[rounds];
        double[] rights = new double[rounds];
        for (int i = -warmups; i < rounds; i++) {
            double one = a.measure();
            double other = b.measure();
            if (i >= 0) {
                lefts[i] = one;
                rights[i] = other;
            }
        }
        return Comparison.of(name, unit, left, lefts, right, rights, target);
    }
}
