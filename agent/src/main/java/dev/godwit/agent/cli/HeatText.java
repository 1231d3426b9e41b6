package dev.godwit.agent.cli;

/** A heat map of characters. */
final class HeatText {
    private static final String PLAIN = " .:-=+*#%@";
    /** Of the 256 colours: from dark blue over red to light yellow; readable on dark and on light. */
    private static final int[] COLOURS = {0, 17, 19, 55, 91, 127, 161, 202, 214, 228};

    private static final String RESET = "\u001b[0m";

    private HeatText() {}

    static String text(HeatGrid grid, boolean colours) {
        StringBuilder text = new StringBuilder();
        text.append(grid.title()).append('\n').append(grid.subtitle()).append("\n\n");
        for (int row = 0; row < grid.rows(); row++) {
            text.append(String.format("%7s MiB ", grid.address(row)));
            for (int column = 0; column < grid.columns(); column++) {
                cell(text, grid.shade(row, column), colours);
            }
            text.append(colours ? RESET : "|").append('\n');
        }
        text.append("\n  seldom or never ");
        for (int shade = 0; shade <= HeatGrid.SHADES; shade++) {
            cell(text, shade, colours);
            cell(text, shade, colours);
            if (colours) {
                text.append(RESET);
            }
            text.append(' ');
            if (shade < HeatGrid.SHADES) {
                text.append(HeatGrid.rate(shade + 1)).append(' ');
            }
        }
        return text.append("and more\n").toString();
    }

    private static void cell(StringBuilder text, int shade, boolean colours) {
        if (shade <= 0) {
            text.append(colours ? RESET + (shade == 0 ? "·" : " ") : " ");
        } else if (colours) {
            text.append("\u001b[48;5;").append(COLOURS[shade]).append("m ");
        } else {
            text.append(PLAIN.charAt(shade));
        }
    }
}
