package dev.godwit.perf.targets;

import java.util.Arrays;
import java.util.Random;
import java.util.function.IntToDoubleFunction;

/**
 * What a reader waits for that reads by Zipf's law, of {@code pages} pages that follow a guest at an even pace: how many it
 * touches before they have come, if each touch brings its page at once. Exponent 1, as the guest's.
 *
 * @param pages of the working set, at least 1
 */
record ZipfLaw(int pages) {
    private static final long SEED = 1;

    /**
     * How many more it waits for by address than by an oracle's order: one page after the other, the hottest first.
     *
     * @param accesses while the pages come
     */
    double most(double accesses) {
        IntToDoubleFunction inTurn = rank -> (rank - 0.5) / pages;
        return byAddress(accesses) / waits(accesses, inTurn, inTurn);
    }

    /**
     * The same, by the order of who has seen the guest's accesses for a while, each of them, and knows nothing else.
     *
     * @param accesses while the pages come
     * @param seen how many were seen before
     */
    double mostLearnt(double accesses, int seen) {
        int[] counts = new int[pages + 1];
        Random random = new Random(SEED);
        for (int i = 0; i < seen; i++) {
            counts[Math.min(pages, (int) Math.pow(pages + 1.0, random.nextDouble()))]++;
        }
        // Those that were seen more often come before; equals at any time as likely as at any other that is theirs.
        int often = Arrays.stream(counts).max().orElse(0);
        int[] upTo = new int[often + 2];
        for (int rank = 1; rank <= pages; rank++) {
            upTo[counts[rank]]++;
        }
        for (int count = often; count >= 0; count--) {
            upTo[count] += upTo[count + 1];
        }
        return byAddress(accesses)
                / waits(
                        accesses,
                        rank -> upTo[counts[rank] + 1] / (double) pages,
                        rank -> upTo[counts[rank]] / (double) pages);
    }

    private double byAddress(double accesses) {
        return waits(accesses, _ -> 0, _ -> 1);
    }

    /**
     * How many pages are touched before they have come.
     *
     * @param from when the page of a rank comes at the soonest, 0 to 1
     * @param to when at the latest
     */
    private double waits(double accesses, IntToDoubleFunction from, IntToDoubleFunction to) {
        double sum = 0;
        for (int rank = 1; rank <= pages; rank++) {
            sum += touchedBefore(accesses * share(rank), from.applyAsDouble(rank), to.applyAsDouble(rank));
        }
        return sum;
    }

    /** Of all accesses. */
    private double share(int rank) {
        return Math.log1p(1.0 / rank) / Math.log1p(pages);
    }

    /**
     * That a page is touched before it has come.
     *
     * @param touches expected until the last page has come
     * @param from when it comes at the soonest, 0 to 1
     * @param to when it comes at the latest; at any time between as likely as at any other
     */
    private static double touchedBefore(double touches, double from, double to) {
        double span = touches * (to - from);
        // The mean of exp(-x) over 0 .. span.
        double later = span < 1e-6 ? 1 - span / 2 : -Math.expm1(-span) / span;
        return 1 - Math.exp(-touches * from) * later;
    }
}
