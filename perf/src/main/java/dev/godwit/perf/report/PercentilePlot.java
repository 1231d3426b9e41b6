package dev.godwit.perf.report;

import java.util.List;
import java.util.Locale;

/**
 * Latencies by percentile: to the right ever rarer ones, each step a nine more (as HdrHistogram's plots), upwards the
 * logarithm of the time.
 */
public final class PercentilePlot {
    private static final int WIDTH = 900;
    private static final int HEIGHT = 300;
    private static final int LEFT = 60;
    private static final int BOTTOM = 30;
    private static final double LEAST_MICROS = 1;

    private PercentilePlot() {}

    /**
     * A line of it.
     *
     * @param name of the series
     * @param points ascending
     */
    public record Series(String name, List<Point> points) {}

    /**
     * So many values are at most this.
     *
     * @param share 0 to 1; 1 is the greatest of all
     * @param micros microseconds
     * @param count values in all
     */
    public record Point(double share, double micros, long count) {
        /** Nines: 1 for 90 %, 2 for 99 %. The greatest of n stands where 1 of n would be left. */
        double nines() {
            return -Math.log10(Math.max(1 - share, 1.0 / Math.max(2, count)));
        }
    }

    /** Draws them, in colours in their order. */
    public static Markup draw(List<Series> series) {
        double nines = most(series, true);
        double micros = most(series, false);
        Axis x = new Axis(0, Math.max(1, Math.ceil(nines)), LEFT, WIDTH - 10);
        Axis y = new Axis(Math.log10(LEAST_MICROS), Math.max(1, Math.ceil(Math.log10(micros))), HEIGHT - BOTTOM, 10);
        Markup svg = new Markup()
                .open(
                        "svg",
                        "viewBox",
                        "0 0 " + WIDTH + " " + HEIGHT,
                        "role",
                        "img",
                        "xmlns",
                        "http://www.w3.org/2000/svg")
                .element("title", "Gaps by percentile");
        for (int i = 0; i <= x.most(); i++) {
            svg.empty("line", "class", "axis", "x1", x.at(i), "x2", x.at(i), "y1", 10, "y2", HEIGHT - BOTTOM);
            svg.element(
                    "text",
                    percentile(i),
                    "x",
                    x.at(i),
                    "y",
                    HEIGHT - 10,
                    "text-anchor",
                    i < x.most() ? "middle" : "end");
        }
        for (int i = 0; i <= y.most(); i++) {
            svg.empty("line", "class", "axis", "x1", LEFT, "x2", WIDTH - 10, "y1", y.at(i), "y2", y.at(i));
            svg.element("text", time(i), "x", LEFT - 6, "y", y.at(i) + 4, "text-anchor", "end");
        }
        for (int i = 0; i < series.size(); i++) {
            line(svg, series.get(i), HtmlPage.colour(i), x, y);
        }
        return svg.close("svg");
    }

    private static double most(List<Series> series, boolean nines) {
        return series.stream()
                .flatMap(s -> s.points().stream())
                .mapToDouble(p -> nines ? p.nines() : p.micros())
                .max()
                .orElse(1);
    }

    private static void line(Markup svg, Series series, String colour, Axis x, Axis y) {
        StringBuilder points = new StringBuilder();
        for (Point p : series.points()) {
            points.append(String.format(
                    Locale.ROOT, "%.1f,%.1f ", x.at(p.nines()), y.at(Math.log10(Math.max(LEAST_MICROS, p.micros())))));
        }
        svg.open("polyline", "class", colour, "points", points.toString().strip())
                .element("title", series.name())
                .close("polyline");
    }

    private static String percentile(int nines) {
        return nines == 0 ? "0 %" : nines == 1 ? "90 %" : "99" + (nines > 2 ? "." + "9".repeat(nines - 2) : "") + " %";
    }

    private static String time(int power) {
        return power >= 6
                ? (long) Math.pow(10, power - 6) + " s"
                : power >= 3 ? (long) Math.pow(10, power - 3) + " ms" : (long) Math.pow(10, power) + " µs";
    }
}
