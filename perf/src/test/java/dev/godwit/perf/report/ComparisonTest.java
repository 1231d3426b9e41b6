package dev.godwit.perf.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ComparisonTest {
    @Test
    void ratioIsOfMediansAndRatiosAreOfPairs() {
        Comparison c = Comparison.of("x", "ns", "a", new double[] {10, 30, 20}, "b", new double[] {10, 10, 10}, 2.0);
        assertEquals(2, c.ratio());
        assertEquals(Distribution.of(1, 3, 2), c.ratios());
        assertTrue(c.met());
    }

    @Test
    void aTargetIsMissedAboveIt() {
        assertFalse(Comparison.of("x", "ns", "a", new double[] {12}, "b", new double[] {10}, 1.1)
                .met());
        assertNull(Comparison.of("x", "ns", "a", new double[] {12}, "b", new double[] {10}, null)
                .met());
    }

    @Test
    void figuresWithoutAPartnerAreRefused() {
        assertThrows(
                IllegalArgumentException.class,
                () -> Comparison.of("x", "ns", "a", new double[] {1, 2}, "b", new double[] {1}, null));
    }

    @Test
    void turnsAlternateAndWarmupsDoNotCount() throws Exception {
        List<String> order = new ArrayList<>();
        Comparison c = Turns.compare(
                "x",
                "ns",
                "a",
                () -> {
                    order.add("a");
                    return order.size();
                },
                "b",
                () -> {
                    order.add("b");
                    return 1;
                },
                1,
                2,
                null);
        assertEquals(List.of("a", "b", "a", "b", "a", "b"), order);
        assertEquals(Distribution.of(3, 5), c.leftFigures());
    }
}
