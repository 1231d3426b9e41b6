package dev.godwit.perf.report;

import java.util.List;
import java.util.Locale;

/** One migration over time: two rates as lines, rounds as marks, phases as bands below. */
public final class TimelinePlot {
    private static final int WIDTH = 420;
    private static final int HEIGHT = 170;
    private static final int LEFT = 42;
    private static final int BOTTOM = 42;
    private static final int BAND = 12;
    /** A band as wide as this has room for its name. */
    private static final int NAME = 40;

    private TimelinePlot() {}

    /**
     * What is known at one time.
     *
     * @param millis since the start, ascending
     * @param phase what goes on from here to the next
     * @param round its number
     * @param first a rate up to here, since the point before
     * @param second another rate
     */
    public record Point(double millis, String phase, int round, double first, double second) {}

    /**
     * Draws it.
     *
     * @param what it shows, for those who do not see it
     * @param mostMillis the time that the whole width is, so that several can be compared
     * @param mostRate the rate that the whole height is
     */
    public static Markup draw(String what, List<Point> points, double mostMillis, double mostRate, String colour) {
        Axis x = Axis.upTo(mostMillis, LEFT, WIDTH - 8);
        Axis y = Axis.upTo(mostRate, HEIGHT - BOTTOM, 8);
        Markup svg = new Markup()
                .open(
                        "svg",
                        "viewBox",
                        "0 0 " + WIDTH + " " + HEIGHT,
                        "role",
                        "img",
                        "xmlns",
                        "http://www.w3.org/2000/svg")
                .element("title", what);
        for (double tick : y.ticks()) {
            svg.empty("line", "class", "axis", "x1", LEFT, "x2", WIDTH - 8, "y1", y.at(tick), "y2", y.at(tick));
            svg.element("text", Figures.of(tick), "x", LEFT - 4, "y", y.at(tick) + 4, "text-anchor", "end");
        }
        for (double tick : x.ticks()) {
            svg.element(
                    "text",
                    Figures.of(tick),
                    "x",
                    x.at(tick),
                    "y",
                    HEIGHT - 6,
                    "text-anchor",
                    tick < x.most() ? "middle" : "end");
        }
        rounds(svg, points, x);
        phases(svg, points, x);
        line(svg, points, x, y, true, colour);
        line(svg, points, x, y, false, colour + " second");
        return svg.close("svg");
    }

    private static void rounds(Markup svg, List<Point> points, Axis x) {
        for (int i = 1; i < points.size(); i++) {
            if (points.get(i).round() != points.get(i - 1).round()) {
                double at = x.at(points.get(i).millis());
                svg.open("line", "class", "mark", "x1", at, "x2", at, "y1", 8, "y2", HEIGHT - BOTTOM)
                        .element("title", "round " + points.get(i).round())
                        .close("line");
            }
        }
    }

    private static void phases(Markup svg, List<Point> points, Axis x) {
        int bands = 0;
        for (int start = 0; start < points.size(); ) {
            int end = start + 1;
            while (end < points.size()
                    && points.get(end).phase().equals(points.get(start).phase())) {
                end++;
            }
            String phase = points.get(start).phase();
            double from = x.at(start == 0 ? 0 : points.get(start).millis());
            double to = x.at(points.get(Math.min(end, points.size() - 1)).millis());
            svg.open(
                            "rect",
                            "class",
                            bands++ % 2 == 0 ? "band" : "band odd",
                            "x",
                            from,
                            "width",
                            Math.max(1, to - from),
                            "y",
                            HEIGHT - BOTTOM + 4,
                            "height",
                            BAND)
                    .element("title", phase)
                    .close("rect");
            if (to - from >= NAME) {
                svg.element("text", phase, "x", from + 3, "y", HEIGHT - BOTTOM + 14);
            }
            start = end;
        }
    }

    private static void line(Markup svg, List<Point> points, Axis x, Axis y, boolean first, String colour) {
        StringBuilder text = new StringBuilder();
        for (Point p : points) {
            text.append(
                    String.format(Locale.ROOT, "%.1f,%.1f ", x.at(p.millis()), y.at(first ? p.first() : p.second())));
        }
        svg.empty("polyline", "class", colour, "points", text.toString().strip());
    }
}
