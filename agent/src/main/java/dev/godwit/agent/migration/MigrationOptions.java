package dev.godwit.agent.migration;

import java.time.Duration;

/**
 * How a migration is to go.
 *
 * @param mode when the guest changes sides; default AUTO
 * @param downtime the longest pause of the guest that precopy may plan for, 1 ms to 1 h; default 300 ms
 * @param bandwidth the most bytes a second over all streams, frames and content, beside a limit of several
 *     migrations together; 0 is no limit
 * @param streams data connections, 1 to 16; default 4
 * @param verify compare a hash of all guest RAM on both sides at the switchover, when all of it is across: not with
 *     POSTCOPY and HYBRID, and AUTO is PRECOPY then
 * @param maxTime when precopy has not converged after this time the migration fails and the guest goes on at the
 *     source, or with AUTO and HYBRID it goes ahead of its memory; default 1 h
 * @param stall a peer that neither takes nor sends a byte for this long is given up, 100 ms to 1 h; default 10 s
 * @param hot with HYBRID, the pages that go before the guest; default all
 */
public record MigrationOptions(
        MigrationMode mode,
        Duration downtime,
        long bandwidth,
        int streams,
        boolean verify,
        Duration maxTime,
        Duration stall,
        HotPages hot) {
    /** Most data connections. */
    public static final int MAX_STREAMS = 16;

    /** As many as help where two processors are all there is, one of them the guest's; more help no more. */
    public static final int DEFAULT_STREAMS = 4;

    private static final Duration LEAST_STALL = Duration.ofMillis(100);
    private static final Duration MOST_STALL = Duration.ofHours(1);

    /** The defaults. */
    public static final MigrationOptions DEFAULT = new MigrationOptions(
            MigrationMode.AUTO,
            Duration.ofMillis(300),
            0,
            DEFAULT_STREAMS,
            false,
            Duration.ofHours(1),
            Duration.ofSeconds(10),
            HotPages.ALL);

    public MigrationOptions {
        if (verify && (mode == MigrationMode.POSTCOPY || mode == MigrationMode.HYBRID)) {
            throw new IllegalArgumentException("mode " + mode.text()
                    + " has no moment at which all memory could be compared; to verify take precopy or auto");
        }
        if (hot.isLimited() && mode != MigrationMode.HYBRID) {
            throw new IllegalArgumentException(
                    "a hot threshold and hot bytes say what mode hybrid sends before the guest;"
                            + " they mean nothing in mode " + mode.text());
        }
        if (downtime.compareTo(Duration.ofMillis(1)) < 0 || downtime.compareTo(Duration.ofHours(1)) > 0) {
            throw new IllegalArgumentException("the downtime budget is 1ms to 1h, not " + downtime.toMillis() + "ms");
        }
        if (bandwidth < 0) {
            throw new IllegalArgumentException("the bandwidth is at least 0 bytes a second, not " + bandwidth);
        }
        if (streams < 1 || streams > MAX_STREAMS) {
            throw new IllegalArgumentException("a migration has 1 to " + MAX_STREAMS + " streams, not " + streams);
        }
        if (maxTime.compareTo(Duration.ofMillis(1)) < 0) {
            throw new IllegalArgumentException(
                    "the longest time for rounds (max time) is at least 1ms, not " + maxTime.toNanos() / 1000 + "us");
        }
        if (stall.compareTo(LEAST_STALL) < 0 || stall.compareTo(MOST_STALL) > 0) {
            throw new IllegalArgumentException("the stall time is 100ms to 1h, not " + stall.toMillis() + "ms");
        }
    }

    public MigrationOptions withMode(MigrationMode when) {
        return new MigrationOptions(when, downtime, bandwidth, streams, verify, maxTime, stall, hot);
    }

    public MigrationOptions withDowntime(Duration budget) {
        return new MigrationOptions(mode, budget, bandwidth, streams, verify, maxTime, stall, hot);
    }

    public MigrationOptions withBandwidth(long bytesPerSecond) {
        return new MigrationOptions(mode, downtime, bytesPerSecond, streams, verify, maxTime, stall, hot);
    }

    public MigrationOptions withStreams(int count) {
        return new MigrationOptions(mode, downtime, bandwidth, count, verify, maxTime, stall, hot);
    }

    public MigrationOptions withVerify(boolean on) {
        return new MigrationOptions(mode, downtime, bandwidth, streams, on, maxTime, stall, hot);
    }

    public MigrationOptions withMaxTime(Duration time) {
        return new MigrationOptions(mode, downtime, bandwidth, streams, verify, time, stall, hot);
    }

    public MigrationOptions withStall(Duration time) {
        return new MigrationOptions(mode, downtime, bandwidth, streams, verify, maxTime, time, hot);
    }

    /** Only for HYBRID, which has to be chosen first. */
    public MigrationOptions withHot(HotPages first) {
        return new MigrationOptions(mode, downtime, bandwidth, streams, verify, maxTime, stall, first);
    }

    /**
     * Connections that bring what follows the guest and it does not wait for: a quarter as many as data streams, 1 to 4,
     * since they take processors from those who bring what it does wait for.
     */
    int pageStreams() {
        return Math.ceilDiv(streams, 4);
    }

    /** Whether the guest may run at the target while some of its memory is still at the source. */
    boolean mayPostcopy() {
        return mode.mayPostcopy() && !verify;
    }
}
