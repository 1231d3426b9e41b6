package dev.godwit.agent.cli;

import dev.godwit.agent.api.HeatView;
import dev.godwit.agent.config.Sizes;
import java.util.Locale;

/**
 * Cells in rows, in address order, with what their colours mean: the same for all pictures.
 *
 * @param columns cells in a row, a power of two
 */
record HeatGrid(HeatView heat, int columns) {
    /** Most cells of a picture in a file, and of one in the terminal. */
    static final int FINE = 8192;

    static final int COARSE = 1024;

    /** Shades from the coldest to the hottest; shade 0 is never accessed. */
    static final int SHADES = 9;

    /** The level of one access to a page in 64 seconds: the least of shade 1; each further shade is four times as hot. */
    private static final int FIRST = 1 + 8 * 6;

    private static final int LEVELS_PER_SHADE = 16;

    static HeatGrid of(HeatView heat) {
        int columns = 1;
        while (columns * columns < heat.levels().size() * 2) {
            columns *= 2;
        }
        return new HeatGrid(heat, Math.max(32, columns));
    }

    int rows() {
        return (heat.levels().size() + columns - 1) / columns;
    }

    /** The shade of a cell, 0 to {@link #SHADES}; -1 where memory has ended. */
    int shade(int row, int column) {
        int index = row * columns + column;
        if (index >= heat.levels().size()) {
            return -1;
        }
        int level = heat.levels().get(index);
        return level < FIRST ? 0 : Math.min(SHADES, 1 + (level - FIRST) / LEVELS_PER_SHADE);
    }

    /** The least accesses a second to a page of a shade above 0, for people. */
    static String rate(int shade) {
        double rate = Math.pow(4, shade - 1) / 64;
        return rate < 1 ? "1/" + Math.round(1 / rate) : Long.toString(Math.round(rate));
    }

    /** Where a row begins. */
    String address(int row) {
        return Long.toString((row * (long) columns * heat.cellBytes()) >> 20);
    }

    String title() {
        return "guest " + heat.name() + ", " + Sizes.human(heat.memoryBytes()) + ": accesses a second to a page";
    }

    String subtitle() {
        return String.format(
                Locale.ROOT,
                "a cell is %s; %d looks by %s, which cost %.1f %% of the guest's time",
                Sizes.human(heat.cellBytes()),
                heat.looks(),
                heat.mechanism(),
                heat.measuredShare() * 100);
    }
}
