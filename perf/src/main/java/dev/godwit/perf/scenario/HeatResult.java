package dev.godwit.perf.scenario;

import dev.godwit.perf.report.Distribution;
import java.util.List;

/**
 * How well and at what price access tracking found a guest's hot pages.
 *
 * @param mechanism by which
 * @param share of the guest's time that it was allowed
 * @param measuredShare what it counted that it cost, by measured faults
 * @param faultMicros what one fault costs here
 * @param pages in the guest's working set
 * @param progress how good it was after each round
 * @param off accesses a second in turns without tracking
 * @param on accesses a second in turns with it
 * @param loss for each turn with it, how much less than without tracking just before and after: 0.01 is one per cent
 * @param cpuLoss the same of accesses a second of the vCPUs' CPU time: right on a busy host, but blind to waiting
 * @param coverageBefore bytes of large pages at the start
 * @param coverageAfter and at the end
 * @param ownLoss as {@code cpuLoss}, of the time in which no vCPU waited for a CPU: not blind to other waiting
 * @param looks how many looks there were
 * @param sightings how many accesses they saw
 * @param stillSeconds how long hot pages that move stayed where they were; null of those that do not
 */
public record HeatResult(
        String mechanism,
        String pattern,
        double share,
        double measuredShare,
        double faultMicros,
        long pages,
        List<Quality> progress,
        Distribution off,
        Distribution on,
        Distribution loss,
        Distribution cpuLoss,
        long coverageBefore,
        long coverageAfter,
        Distribution ownLoss,
        long looks,
        long sightings,
        Double stillSeconds) {
    /**
     * Against what the guest really did.
     *
     * @param trackedSeconds how long it was tracked by then
     * @param precision of as many pages as the true top decile has, the hottest found: the share that is in it
     * @param recall the share of the true top decile that is found; 1 less precision's misses, as both have one size
     * @param accessShare the share of the guest's accesses that go to the pages found
     * @param bestShare and to the true top decile
     * @param sightings how many accesses tracking had seen by then
     */
    public record Quality(
            double trackedSeconds,
            double precision,
            double recall,
            double accessShare,
            double bestShare,
            long sightings) {}
}
