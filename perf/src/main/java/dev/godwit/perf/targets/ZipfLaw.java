package dev.godwit.perf.targets;

/**
 * What a reader that knows Zipf's law waits for at best and by address: of {@code pages} pages that follow a guest at an
 * even pace, how many it touches before they have come, if each touch brings its page at once. Exponent 1, as the guest's.
 *
 * @param pages of the working set, at least 1
 */
record ZipfLaw(long pages) {
    /** Ranks between which nothing changes much are taken together: one in so many of the rank. */
    private static final long FINE = 200;

    /**
     * How many more it waits for by address than by an oracle's order: one page after the other, the hottest first.
     *
     * @param accesses while the pages come
     */
    double most(double accesses) {
        return touches(accesses, ZipfLaw::byAddress) / touches(accesses, this::byRank);
    }

    private interface Chance {
        /** That a page is touched before it has come, with so many touches expected until the last has. */
        double of(double touches, double rank);
    }

    private double touches(double accesses, Chance chance) {
        double norm = Math.log1p((double) pages);
        double sum = 0;
        for (long rank = 1; rank <= pages; ) {
            long next = Math.min(pages + 1, rank + Math.max(1, rank / FINE));
            double together = (double) (next - rank);
            double share = Math.log1p(together / rank) / norm / together;
            sum += together * chance.of(accesses * share, rank + (together - 1) / 2);
            rank = next;
        }
        return sum;
    }

    /** It comes at any time as likely as at any other. */
    private static double byAddress(double touches, double rank) {
        return 1 + Math.expm1(-touches) / touches;
    }

    private double byRank(double touches, double rank) {
        return -Math.expm1(-touches * rank / pages);
    }
}
