package dev.godwit.perf.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class DistributionTest {
    private static final double EXACT = 1e-12;

    @Test
    void oneMeasurementIsAllOfIt() {
        Distribution d = Distribution.of(7);
        assertEquals(new Distribution(1, 7, 7, 7, 7, 7, 7, 7), d);
        assertEquals(0, d.spread(), EXACT);
    }

    @Test
    void percentilesBetweenMeasurementsAreInterpolated() {
        Distribution d = Distribution.of(4, 1, 3, 2);
        assertEquals(1.3, d.p10(), EXACT);
        assertEquals(2.5, d.median(), EXACT);
        assertEquals(3.7, d.p90(), EXACT);
        assertEquals(3.97, d.p99(), EXACT);
        assertEquals(2.5, d.mean(), EXACT);
        assertEquals(2.4 / 2.5, d.spread(), EXACT);
    }

    @Test
    void orderDoesNotMatterAndTheArgumentIsLeftAlone() {
        double[] values = {3, 1, 2};
        assertEquals(Distribution.of(1, 2, 3), Distribution.of(values));
        assertEquals("[3.0, 1.0, 2.0]", Arrays.toString(values));
    }

    @Test
    void agreesWithCountingOnRandomValues() {
        long seed = System.nanoTime();
        SplittableRandom random = new SplittableRandom(seed);
        for (int round = 0; round < 200; round++) {
            double[] values = random.doubles(1 + random.nextInt(50), -5, 5).toArray();
            Distribution d = Distribution.of(values);
            String where = "seed " + seed + ", round " + round;
            assertEquals(Arrays.stream(values).min().orElseThrow(), d.min(), EXACT, where);
            assertEquals(Arrays.stream(values).max().orElseThrow(), d.max(), EXACT, where);
            long below =
                    Arrays.stream(values).filter(v -> v < d.median() - EXACT).count();
            long above =
                    Arrays.stream(values).filter(v -> v > d.median() + EXACT).count();
            assertEquals(below, above, where);
        }
    }

    @Test
    void nothingAndNoNumbersAreRefused() {
        assertThrows(IllegalArgumentException.class, Distribution::of);
        assertThrows(IllegalArgumentException.class, () -> Distribution.of(1, Double.NaN));
    }
}
