package dev.godwit.agent.migration;

import java.time.Duration;

/**
 * How a migration is to go.
 *
 * @param downtime the longest pause of the guest that precopy may plan for, 1 ms to 1 h; default 300 ms
 * @param bandwidth the most guest-memory bytes a second over all streams; 0 is no limit
 * @param streams data connections, 1 to 16; default 2
 * @param verify compare a hash of all guest RAM on both sides at the switchover
 * @param maxTime when precopy has not converged after this time the migration fails and the guest goes on at the
 *     source; default 1 h
 * @param stall a peer that neither takes nor sends a byte for this long is given up; default 10 s
 */
public record MigrationOptions(
        Duration downtime, long bandwidth, int streams, boolean verify, Duration maxTime, Duration stall) {
    /** Most data connections. */
    public static final int MAX_STREAMS = 16;

    /** The defaults. */
    public static final MigrationOptions DEFAULT =
            new MigrationOptions(Duration.ofMillis(300), 0, 2, false, Duration.ofHours(1), Duration.ofSeconds(10));

    public MigrationOptions {
        if (downtime.compareTo(Duration.ofMillis(1)) < 0 || downtime.compareTo(Duration.ofHours(1)) > 0) {
            throw new IllegalArgumentException("the downtime budget is 1ms to 1h, not " + downtime.toMillis() + "ms");
        }
        if (bandwidth < 0) {
            throw new IllegalArgumentException("the bandwidth is at least 0 bytes a second, not " + bandwidth);
        }
        if (streams < 1 || streams > MAX_STREAMS) {
            throw new IllegalArgumentException("a migration has 1 to " + MAX_STREAMS + " streams, not " + streams);
        }
        if (maxTime.isNegative() || maxTime.isZero()) {
            throw new IllegalArgumentException("the longest time is positive, not " + maxTime.toMillis() + "ms");
        }
        if (stall.compareTo(Duration.ofMillis(100)) < 0) {
            throw new IllegalArgumentException("the stall time is at least 100ms, not " + stall.toMillis() + "ms");
        }
    }

    public MigrationOptions withDowntime(Duration budget) {
        return new MigrationOptions(budget, bandwidth, streams, verify, maxTime, stall);
    }

    public MigrationOptions withBandwidth(long bytesPerSecond) {
        return new MigrationOptions(downtime, bytesPerSecond, streams, verify, maxTime, stall);
    }

    public MigrationOptions withStreams(int count) {
        return new MigrationOptions(downtime, bandwidth, count, verify, maxTime, stall);
    }

    public MigrationOptions withVerify(boolean on) {
        return new MigrationOptions(downtime, bandwidth, streams, on, maxTime, stall);
    }

    public MigrationOptions withMaxTime(Duration time) {
        return new MigrationOptions(downtime, bandwidth, streams, verify, time, stall);
    }

    public MigrationOptions withStall(Duration time) {
        return new MigrationOptions(downtime, bandwidth, streams, verify, maxTime, time);
    }
}
