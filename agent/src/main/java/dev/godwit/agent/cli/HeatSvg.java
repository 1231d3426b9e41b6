package dev.godwit.agent.cli;

import java.util.Locale;

/** A heat map as SVG, readable on light and dark grounds: text has its own colour for each, cold cells are see-through. */
final class HeatSvg {
    private static final String[] COLOURS = {
        "none", "#2f2b7c", "#4a2d86", "#6a2c86", "#8a2b80", "#ab2f70", "#d3455a", "#ee6c3f", "#fba238", "#f7e06c"
    };
    private static final int LEFT = 76;
    private static final int TOP = 62;
    private static final int WIDTH = 768;
    private static final int LEGEND = 64;
    private static final int LABEL_EVERY = 24;

    private HeatSvg() {}

    static String picture(HeatGrid grid) {
        double cell = WIDTH / (double) grid.columns();
        double height = Math.max(4, Math.min(18, cell * 1.5));
        double bottom = TOP + grid.rows() * height;
        StringBuilder svg = new StringBuilder();
        svg.append(String.format(
                        Locale.ROOT,
                        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %d %.0f' font-family='sans-serif'"
                                + " font-size='12'>",
                        LEFT + WIDTH + 16,
                        bottom + LEGEND))
                .append('\n');
        svg.append("<style>text{fill:#333}.e{fill:none;stroke:#888}"
                + "@media(prefers-color-scheme:dark){text{fill:#ddd}}</style>\n");
        svg.append(String.format(
                        Locale.ROOT,
                        "<text x='%d' y='24' font-size='15' font-weight='bold'>%s</text>",
                        LEFT,
                        grid.title()))
                .append('\n');
        svg.append(String.format(Locale.ROOT, "<text x='%d' y='44'>%s</text>", LEFT, grid.subtitle()))
                .append('\n');
        double labelled = -LABEL_EVERY;
        for (int row = 0; row < grid.rows(); row++) {
            double y = TOP + row * height;
            if (y - labelled >= LABEL_EVERY) {
                svg.append(String.format(
                                Locale.ROOT,
                                "<text x='%d' y='%.1f' text-anchor='end'>%s MiB</text>",
                                LEFT - 8,
                                y + 10,
                                grid.address(row)))
                        .append('\n');
                labelled = y;
            }
            row(svg, grid, row, y, cell, height);
        }
        svg.append(String.format(
                        Locale.ROOT,
                        "<rect class='e' x='%d' y='%d' width='%d' height='%.1f'/>",
                        LEFT,
                        TOP,
                        WIDTH,
                        bottom - TOP))
                .append('\n');
        legend(svg, bottom + 16);
        return svg.append("</svg>\n").toString();
    }

    /** Runs of one shade are one rectangle. */
    private static void row(StringBuilder svg, HeatGrid grid, int row, double y, double cell, double height) {
        for (int column = 0; column < grid.columns(); ) {
            int shade = grid.shade(row, column);
            int end = column + 1;
            while (end < grid.columns() && grid.shade(row, end) == shade) {
                end++;
            }
            if (shade > 0) {
                svg.append(String.format(
                                Locale.ROOT,
                                "<rect x='%.2f' y='%.1f' width='%.2f' height='%.1f' fill='%s'/>",
                                LEFT + column * cell,
                                y,
                                (end - column) * cell,
                                height,
                                COLOURS[shade]))
                        .append('\n');
            }
            column = end;
        }
    }

    private static void legend(StringBuilder svg, double y) {
        int width = 64;
        for (int shade = 0; shade <= HeatGrid.SHADES; shade++) {
            int x = LEFT + shade * width;
            svg.append(String.format(
                            Locale.ROOT,
                            "<rect class='e' style='fill:%s' x='%d' y='%.0f' width='%d' height='12'/>",
                            COLOURS[shade],
                            x,
                            y,
                            width))
                    .append('\n');
            svg.append(String.format(
                            Locale.ROOT,
                            "<text x='%d' y='%.0f' font-size='11'>%s</text>",
                            x,
                            y + 26,
                            shade == 0
                                    ? "seldom"
                                    : HeatGrid.rate(shade) + (shade == HeatGrid.SHADES ? " and more" : "")))
                    .append('\n');
        }
    }
}
