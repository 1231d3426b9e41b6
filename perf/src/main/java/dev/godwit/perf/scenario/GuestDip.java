package dev.godwit.perf.scenario;

import dev.godwit.images.GuestPace;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * How a guest's work fell while something was done to it, against its own pace before.
 *
 * @param depth the lowest pace over {@link #WINDOW_MICROS} at least, as a share below that before; 0 to 1
 * @param lengthMillis time with a pace below {@link #FULL} of that before
 * @param lostMillis work not done, as time without any at the pace before
 */
record GuestDip(double depth, double lengthMillis, double lostMillis) {
    static final long WINDOW_MICROS = 20_000;
    static final double FULL = 0.9;

    /** Empty for a guest that does not work. */
    static Optional<GuestDip> of(GuestPace before, GuestPace during) {
        if (before.work().isEmpty() || during.work().isEmpty()) {
            return Optional.empty();
        }
        double usual = median(windows(before)) / windowMicros(before);
        if (usual == 0) {
            return Optional.empty();
        }
        double[] windows = windows(during);
        double micros = windowMicros(during);
        double lowest = 1;
        double length = 0;
        double lost = 0;
        for (double work : windows) {
            double share = work / micros / usual;
            lowest = Math.min(lowest, share);
            length += share < FULL ? micros : 0;
            lost += Math.max(0, 1 - share) * micros;
        }
        return Optional.of(new GuestDip(1 - lowest, length / 1e3, lost / 1e3));
    }

    /** Work a second in the last bins that make up at least this time, or in all there are; 0 when there are none. */
    static double workInLast(Duration time, GuestPace pace) {
        List<Long> work = pace.work();
        if (work.isEmpty()) {
            return 0;
        }
        int bins = Math.clamp(Math.ceilDiv(time.toNanos() / 1000, pace.binMicros()), 1, work.size());
        long sum = work.subList(work.size() - bins, work.size()).stream()
                .mapToLong(Long::longValue)
                .sum();
        return sum * 1e6 / ((double) bins * pace.binMicros());
    }

    private static int binsInWindow(GuestPace pace) {
        return Math.clamp(
                (WINDOW_MICROS + pace.binMicros() - 1) / pace.binMicros(),
                1,
                pace.work().size());
    }

    private static double windowMicros(GuestPace pace) {
        return (double) binsInWindow(pace) * pace.binMicros();
    }

    /** Work in each window; what is left at the end does not count. */
    private static double[] windows(GuestPace pace) {
        int bins = binsInWindow(pace);
        double[] windows = new double[pace.work().size() / bins];
        for (int i = 0; i < windows.length * bins; i++) {
            windows[i / bins] += pace.work().get(i);
        }
        return windows;
    }

    private static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return (sorted[(sorted.length - 1) / 2] + sorted[sorted.length / 2]) / 2;
    }
}
