package dev.godwit.images;

import java.util.Arrays;

/**
 * Numbers as the guests pack them: groups of five bits, the lowest first, each a character of base64's alphabet whose
 * sixth bit says that another follows.
 */
final class PackedNumbers {
    private static final String ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    private static final int GROUP_BITS = 5;
    private static final int MORE = 1 << GROUP_BITS;

    private PackedNumbers() {}

    /**
     * All numbers of a text.
     *
     * @throws IllegalArgumentException for another character, a number beyond 60 bits, or one that is cut off
     */
    static long[] unpack(String text) {
        long[] numbers = new long[text.length()];
        int count = 0;
        long value = 0;
        int shift = 0;
        for (int i = 0; i < text.length(); i++) {
            int digit = ALPHABET.indexOf(text.charAt(i));
            if (digit < 0) {
                throw new IllegalArgumentException("no packed number: character " + (int) text.charAt(i));
            }
            if (shift > Long.SIZE - 1 - GROUP_BITS) {
                throw new IllegalArgumentException("a packed number of more than 60 bits");
            }
            value |= (long) (digit & (MORE - 1)) << shift;
            shift += GROUP_BITS;
            if ((digit & MORE) == 0) {
                numbers[count++] = value;
                value = 0;
                shift = 0;
            }
        }
        if (shift != 0) {
            throw new IllegalArgumentException("the last packed number is cut off");
        }
        return Arrays.copyOf(numbers, count);
    }

    /** The opposite, for tests and for guests in Java. */
    static String pack(long... numbers) {
        StringBuilder text = new StringBuilder();
        for (long number : numbers) {
            long rest = number;
            do {
                int digit = (int) (rest & (MORE - 1));
                rest >>>= GROUP_BITS;
                text.append(ALPHABET.charAt(rest == 0 ? digit : digit | MORE));
            } while (rest != 0);
        }
        return text.toString();
    }
}
