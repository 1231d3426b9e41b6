package dev.godwit.images;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** A line of a guest: its kind and {@code key=value} words. Errors name the field. */
final class GuestLine {
    private static final int MOST_QUOTED = 60;

    private final String kind;
    private final Map<String, String> values = new HashMap<>();

    /** @throws IllegalArgumentException if the line is of another kind */
    GuestLine(String kind, String line) {
        this.kind = kind;
        if (!line.startsWith(kind + " ")) {
            throw new IllegalArgumentException("not a " + kind + " line: " + abbreviated(line));
        }
        for (String word : line.split(" +", -1)) {
            int equals = word.indexOf('=');
            if (equals > 0) {
                values.put(word.substring(0, equals), word.substring(equals + 1));
            }
        }
    }

    String text(String key) {
        String value = values.get(key);
        if (value == null) {
            throw new IllegalArgumentException("the " + kind + " line has no " + key);
        }
        return value;
    }

    /** Decimal, or hexadecimal after 0x. */
    long number(String key) {
        return number(key, text(key));
    }

    /** Numbers between commas. */
    List<Long> numbers(String key) {
        return list(key, value -> number(key, value));
    }

    /** Pairs of numbers between commas, {@code least:count}; or {@code -} for none. */
    List<DirtierReport.Bucket> buckets(String key) {
        return text(key).equals("-") ? List.of() : list(key, pair -> bucket(key, pair));
    }

    private <T> List<T> list(String key, Function<String, T> parse) {
        return Arrays.stream(text(key).split(",", -1)).map(parse).toList();
    }

    private DirtierReport.Bucket bucket(String key, String pair) {
        int colon = pair.indexOf(':');
        if (colon < 0) {
            throw new IllegalArgumentException(kind + " field " + key + " has no count in " + abbreviated(pair));
        }
        return new DirtierReport.Bucket(number(key, pair.substring(0, colon)), number(key, pair.substring(colon + 1)));
    }

    private long number(String key, String value) {
        try {
            return value.startsWith("0x") ? Long.parseLong(value, 2, value.length(), 16) : Long.parseLong(value);
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(kind + " field " + key + " is no number: " + abbreviated(value), e);
        }
    }

    private static String abbreviated(String text) {
        return text.length() <= MOST_QUOTED ? text : text.substring(0, MOST_QUOTED) + "…";
    }
}
