package dev.godwit.perf.scenario;

import dev.godwit.perf.report.Figures;
import java.util.Optional;

/**
 * Godwit's median of a measure against that of its best rival.
 *
 * @param rival whose median is the best of all rivals
 * @param result who is better
 * @param text for people
 */
record Verdict(String rival, Result result, String text) {
    /** Medians closer than this are the same. */
    private static final double SAME = 0.02;

    /** For Godwit. */
    enum Result {
        WIN,
        SAME,
        LOSS
    }

    /** Empty where there is no rival, or nothing to be better at. */
    static Optional<Verdict> of(PeerResult.Contest contest, PeerResult.Entry own, Measure measure) {
        if (measure.better() == Measure.Better.NONE || own.of(measure).isEmpty()) {
            return Optional.empty();
        }
        double mine = own.of(measure).orElseThrow().median();
        return contest.bestRival(measure)
                .map(rival ->
                        of(rival.name(), mine, rival.of(measure).orElseThrow().median(), measure));
    }

    static Verdict of(String rival, double mine, double theirs, Measure measure) {
        double most = Math.max(Math.abs(mine), Math.abs(theirs));
        if (Math.abs(mine - theirs) <= SAME * most) {
            return new Verdict(rival, Result.SAME, "same as " + rival);
        }
        boolean wins = measure.better() == Measure.Better.LESS ? mine < theirs : mine > theirs;
        double least = Math.min(mine, theirs);
        String by = least <= 0 || "%".equals(measure.unit())
                ? Figures.of(Math.abs(mine - theirs)) + (measure.unit().isEmpty() ? "" : " " + measure.unit())
                : Figures.of(most / least) + "x";
        return new Verdict(
                rival, wins ? Result.WIN : Result.LOSS, by + (wins ? " better than " : " WORSE than ") + rival);
    }
}
