package dev.godwit.images;

import java.util.Arrays;
import java.util.List;

/**
 * Work that a measuring guest did over time since its window was last zeroed: its line that begins with {@code PACE}.
 * Work is turns of its loop, on all vCPUs, in which something was due; an idle guest does none. Immutable.
 *
 * @param binMicros length of a bin in guest time
 * @param work in each bin, from the start of the window; the last, begun one is left out
 */
public record GuestPace(long binMicros, List<Long> work) {
    private static final String PREFIX = "PACE ";

    /** Copies the list. */
    public GuestPace {
        work = List.copyOf(work);
    }

    /** Whether {@link #parse} is meant for this line. */
    public static boolean isPace(String line) {
        return line.startsWith(PREFIX);
    }

    /**
     * Reads one.
     *
     * @throws IllegalArgumentException naming what is missing or wrong
     */
    public static GuestPace parse(String line) {
        GuestLine fields = new GuestLine("PACE", line.strip());
        long[] work = PackedNumbers.unpack(fields.text("work"));
        if (work.length != fields.number("bins") || fields.number("us") <= 0) {
            throw new IllegalArgumentException("PACE line with " + work.length + " of " + fields.number("bins")
                    + " bins of " + fields.number("us") + " us");
        }
        return new GuestPace(fields.number("us"), Arrays.stream(work).boxed().toList());
    }
}
