package dev.godwit.host.state;

import java.time.Instant;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** What a guest's clocks make of the time between save and restore. */
public enum ElapsedTime {
    /**
     * The clocks go on by the real time that passed, as the hosts' clocks tell it: for a migration. A guest that reads
     * its time-stamp counter then sees the pause as long as it was.
     */
    ADVANCE,
    /** The clocks go on from where they stood: for a snapshot. */
    FREEZE;

    /** No migration stands still for longer; more than that is a clock that is wrong. */
    private static final long MOST = TimeUnit.HOURS.toNanos(1);

    /** The host's clock, in nanoseconds since 1970. */
    static long now() {
        Instant now = Instant.now();
        return now.getEpochSecond() * 1_000_000_000L + now.getNano();
    }

    /**
     * Nanoseconds to advance by, 0 to one hour.
     *
     * @param saved the clock of the host that saved, at that time
     * @param notRestored is told when the clocks of the hosts disagree so much that nothing is advanced
     */
    long since(long saved, List<String> notRestored) {
        if (this == FREEZE) {
            return 0;
        }
        long elapsed = now() - saved;
        if (elapsed < 0 || elapsed > MOST) {
            notRestored.add(
                    "time that passed (by the hosts' clocks " + TimeUnit.NANOSECONDS.toMillis(elapsed) + " ms)");
            return 0;
        }
        return elapsed;
    }
}
