package dev.godwit.agent.config;

import java.time.Duration;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Durations as people write them: a whole number with the unit us, ms, s, m or h. */
public final class Durations {
    private static final Pattern DURATION = Pattern.compile("([0-9]{1,12})(us|ms|s|m|h)");

    private Durations() {}

    /**
     * Reads a duration.
     *
     * @param what what it is the duration of, for the message
     * @throws Failure bad input, when the text is no duration
     */
    public static Duration parse(String what, String text) {
        Matcher m = DURATION.matcher(text.toLowerCase(Locale.ROOT));
        if (!m.matches()) {
            throw Failure.badInput(what + ": " + Quoted.of(text)
                    + " is not a duration; write a whole number with us, ms, s, m or h, such as 300ms");
        }
        long number = Long.parseLong(m.group(1));
        return switch (m.group(2)) {
            case "us" -> Duration.ofNanos(number * 1000);
            case "ms" -> Duration.ofMillis(number);
            case "s" -> Duration.ofSeconds(number);
            case "m" -> Duration.ofMinutes(number);
            default -> Duration.ofHours(number);
        };
    }

    /** Microseconds for people, to three digits: {@code 850 µs}, {@code 12.3 ms}, {@code 4.56 s}. */
    public static String human(long micros) {
        if (micros < 1000) {
            return micros + " µs";
        }
        return micros < 1_000_000 ? digits(micros / 1e3) + " ms" : digits(micros / 1e6) + " s";
    }

    private static String digits(double value) {
        return String.format(Locale.ROOT, value >= 100 ? "%.0f" : value >= 10 ? "%.1f" : "%.2f", value);
    }
}
