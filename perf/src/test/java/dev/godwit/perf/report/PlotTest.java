package dev.godwit.perf.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class PlotTest {
    @Test
    void axesHoldWhatTheyAreMadeForAndTheirTicks() {
        long seed = System.nanoTime();
        SplittableRandom random = new SplittableRandom(seed);
        for (int round = 0; round < 500; round++) {
            double value = Math.pow(10, random.nextDouble(-3, 9));
            Axis axis = Axis.upTo(value, 10, 110);
            String where = "seed " + seed + ", value " + value;
            assertTrue(axis.most() >= value * (1 - 1e-9) && axis.most() < 3 * value, where + ": " + axis);
            List<Double> ticks = axis.ticks();
            assertTrue(ticks.size() >= 2 && ticks.size() <= 9, where + ": " + ticks);
            assertEquals(0, ticks.getFirst(), where);
            assertEquals(axis.most(), ticks.getLast(), 1e-6 * axis.most(), where);
            assertEquals(10 + 100 * value / axis.most(), axis.at(value), 1e-6, where);
        }
        assertEquals(110, Axis.upTo(5, 10, 110).at(1e9), "beyond is at the end");
        assertThrows(IllegalArgumentException.class, () -> new Axis(1, 1, 0, 1));
    }

    @Test
    void aPercentileIsAsManyNinesAsThereAreValuesFor() {
        assertEquals(2, new PercentilePlot.Point(0.99, 1, 1_000_000).nines(), 1e-9);
        assertEquals(3, new PercentilePlot.Point(1, 1, 1000).nines(), 1e-9);
        assertEquals(0, new PercentilePlot.Point(0, 1, 1000).nines(), 1e-9);
    }

    @Test
    void textCannotBreakMarkup() {
        String text =
                new Markup().element("p", "a<b>&\"\u0001", "title", "\"><x>").toString();
        assertEquals("<p title=\"&quot;&gt;&lt;x&gt;\">a&lt;b&gt;&amp;&quot;\uFFFD</p>\n", text);
        assertThrows(IllegalArgumentException.class, () -> new Markup().open("p", "class"));
    }

    @Test
    void emptySeriesCanBeDrawn() {
        assertTrue(PercentilePlot.draw(List.of(new PercentilePlot.Series("none", List.of())))
                .toString()
                .contains("<svg"));
        assertTrue(TimelinePlot.draw("none", List.of(), 1, 1, "s0").toString().contains("<svg"));
    }
}
