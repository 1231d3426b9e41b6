package dev.godwit.host.tracking;

/**
 * What access tracking has cost a guest so far.
 *
 * @param looks how many looks there were
 * @param accesses how many first accesses they saw
 * @param spentNanos vCPU time that the guest lost, as estimated from measured faults
 * @param vcpuNanos vCPU time there was meanwhile
 * @param faultNanos what one fault costs now
 */
public record AccessCost(long looks, long accesses, long spentNanos, long vcpuNanos, long faultNanos) {
    /** The share of the guest's time. */
    public double share() {
        return vcpuNanos == 0 ? 0 : (double) spentNanos / vcpuNanos;
    }
}
