package dev.godwit.agent.migration;

import java.time.Duration;

/**
 * A migration at one moment.
 *
 * @param phase where it is
 * @param round the precopy round, from 1; 0 before the first
 * @param sentBytes guest memory sent so far, in bytes
 * @param remainingBytes guest memory known to be still unsent, in bytes
 * @param totalBytes guest RAM, in bytes
 * @param dirtyRate guest memory dirtied a second in the last round, in bytes
 * @param bandwidth guest memory sent a second lately, in bytes
 * @param expectedDowntime the pause if the switchover came now; negative while unknown
 * @param elapsed time since the start
 */
public record MigrationProgress(
        MigrationPhase phase,
        int round,
        long sentBytes,
        long remainingBytes,
        long totalBytes,
        long dirtyRate,
        long bandwidth,
        Duration expectedDowntime,
        Duration elapsed) {
    /** Nothing has happened yet. */
    public static final MigrationProgress NONE =
            new MigrationProgress(MigrationPhase.CONNECTING, 0, 0, 0, 0, 0, 0, Duration.ofNanos(-1), Duration.ZERO);
}
