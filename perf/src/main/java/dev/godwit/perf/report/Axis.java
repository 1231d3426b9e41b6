package dev.godwit.perf.report;

import java.util.ArrayList;
import java.util.List;

/**
 * Values onto a length of a drawing.
 *
 * @param least value at {@code from}
 * @param most value at {@code to}, greater
 * @param from where the least is drawn
 * @param to where the most is drawn; may be less than {@code from}, as heights are counted from above
 */
record Axis(double least, double most, double from, double to) {
    private static final int TICKS = 4;

    Axis {
        if (!(most > least)) {
            throw new IllegalArgumentException("an axis from " + least + " to " + most);
        }
    }

    /** From 0 to a round number that holds the value. */
    static Axis upTo(double value, double from, double to) {
        double step = step(Math.max(value, 1e-9));
        return new Axis(0, Math.max(step, Math.ceil(value / step) * step), from, to);
    }

    /** 1, 2 or 5 times a power of ten, so that a few of them hold the value. */
    private static double step(double value) {
        double rough = value / TICKS;
        double power = Math.pow(10, Math.floor(Math.log10(rough)));
        double digits = rough / power;
        return power * (digits <= 1 ? 1 : digits <= 2 ? 2 : digits <= 5 ? 5 : 10);
    }

    double at(double value) {
        double share = Math.clamp((value - least) / (most - least), 0, 1);
        return from + share * (to - from);
    }

    /** Round numbers along it, both ends too where they are round. */
    List<Double> ticks() {
        double step = step(most - least);
        List<Double> ticks = new ArrayList<>();
        for (long i = (long) Math.ceil(least / step); i * step <= most * (1 + 1e-9); i++) {
            ticks.add(i * step);
        }
        return ticks;
    }
}
