package dev.godwit.perf.scenario;

import dev.godwit.images.DirtierReport;
import dev.godwit.images.GuestPace;
import java.util.List;
import java.util.Map;

/**
 * One migration by one contestant.
 *
 * @param error one line on why it failed; then all else is null or empty
 * @param figures by {@link Measure#key}; those that this contestant cannot tell are missing
 * @param timeline looks at it on the way
 * @param guest what the guest saw, from just before the command to a second after the end
 * @param pace the guest's work meanwhile
 * @param paceBefore its work before
 * @param pagesVerified pages that the guest checked at the target, and found right
 * @param details what the contestant itself says
 */
public record Trial(
        String error,
        Map<String, Double> figures,
        List<Sample> timeline,
        DirtierReport guest,
        GuestPace pace,
        GuestPace paceBefore,
        Long pagesVerified,
        Object details) {

    /**
     * A look on the way.
     *
     * @param micros since the command
     * @param phase in the contestant's words
     * @param round from 1 on; 0 where there are none
     * @param sentBytes over the wire so far
     * @param dirtyBytesPerSecond as the contestant measures it, 0 where it does not yet
     */
    public record Sample(long micros, String phase, int round, long sentBytes, long dirtyBytesPerSecond) {}

    static Trial failed(String error) {
        return new Trial(error, Map.of(), List.of(), null, null, null, null, null);
    }
}
