package dev.godwit.agent.config;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Sizes in bytes as people write them: a whole number, or one with the suffix k, m, g or t for 2^10, 2^20, 2^30, 2^40. */
public final class Sizes {
    private static final Pattern SIZE = Pattern.compile("([0-9]{1,19})([kmgt]?)");
    private static final String SUFFIXES = "kmgt";

    private Sizes() {}

    /**
     * Reads a size.
     *
     * @param what what it is the size of, for the message
     * @return bytes, at least 0
     * @throws Failure bad input, when the text is no size or does not fit a long
     */
    public static long parse(String what, String text) {
        Matcher m = SIZE.matcher(text.toLowerCase(Locale.ROOT));
        if (!m.matches()) {
            throw Failure.badInput(what + ": " + Quoted.of(text)
                    + " is not a size; write a whole number of bytes, or one with k, m, g or t, such as 256m");
        }
        int shift = m.group(2).isEmpty() ? 0 : 10 * (1 + SUFFIXES.indexOf(m.group(2)));
        try {
            return Math.multiplyExact(Long.parseLong(m.group(1)), 1L << shift);
        } catch (ArithmeticException | NumberFormatException e) {
            throw Failure.badInput(what + ": " + Quoted.of(text) + " is more than the largest size, 8388607t");
        }
    }

    /** A size as {@link #parse} reads it, exactly, with the largest suffix that divides it. */
    public static String exact(long bytes) {
        for (int i = SUFFIXES.length(); i > 0; i--) {
            if (bytes != 0 && bytes % (1L << (10 * i)) == 0) {
                return (bytes >> (10 * i)) + SUFFIXES.substring(i - 1, i);
            }
        }
        return Long.toString(bytes);
    }

    /** A size for people, to three digits: {@code 1.50 GiB}, {@code 256 MiB}, {@code 12 bytes}. */
    public static String human(long bytes) {
        if (bytes < 1024) {
            return bytes + " bytes";
        }
        String[] units = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
        double value = bytes;
        int unit = -1;
        while (value >= 1024 && unit + 1 < units.length) {
            value /= 1024;
            unit++;
        }
        String format = value == Math.rint(value) || value >= 100 ? "%.0f" : value >= 10 ? "%.1f" : "%.2f";
        return String.format(Locale.ROOT, format, value) + " " + units[unit];
    }
}
