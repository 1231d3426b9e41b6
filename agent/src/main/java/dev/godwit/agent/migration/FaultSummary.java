package dev.godwit.agent.migration;

import dev.godwit.host.machine.MachineConfig;
import java.util.Arrays;
import java.util.List;
import org.HdrHistogram.Histogram;

/**
 * How a guest waited for pages that followed it, and what became of its large pages meanwhile: times in microseconds, from
 * the target's notice of a touch to the page's being there.
 *
 * <p>All times are of touches that had to wait for a page to come, the page touched or others of its chunk without which
 * that could not go in as one. The others are only counted.
 *
 * @param count touches that had to wait for a page to come
 * @param total all these waits together, of all vCPUs
 * @param blocked each vCPU's waits together
 * @param unknown the waits of which it is not known whose they were: KVM may have a thread of the kernel's own wait for a
 *     vCPU whose guest can take interrupts
 * @param atOnce touches that could be resolved at once: the page had come and only had to be put in or the vCPU woken, or
 *     nobody had ever had it, and it is zeros
 * @param brokenChunks how often a large page came to be in small pages; they are made whole again
 * @param largePageBytes guest RAM in large pages when the last page had come, before what was in small pages then was made
 *     whole; 0 when the guest ended before
 */
public record FaultSummary(
        long count,
        double p50,
        double p90,
        double p99,
        double max,
        double total,
        List<Double> blocked,
        double unknown,
        long atOnce,
        long brokenChunks,
        long largePageBytes) {
    public FaultSummary {
        blocked = List.copyOf(blocked);
        if (blocked.size() > MachineConfig.MAX_CPUS
                || blocked.stream().anyMatch(wait -> !(wait >= 0) || wait.isInfinite())) {
            throw new IllegalArgumentException(blocked.size() + " vCPUs, or a wait that is none");
        }
    }

    /** @param blockedNanos those of nobody known, then each vCPU's */
    static FaultSummary of(Histogram nanos, long[] blockedNanos, long atOnce, long brokenChunks, long largePageBytes) {
        return new FaultSummary(
                nanos.getTotalCount(),
                nanos.getValueAtPercentile(50) / 1e3,
                nanos.getValueAtPercentile(90) / 1e3,
                nanos.getValueAtPercentile(99) / 1e3,
                nanos.getMaxValue() / 1e3,
                nanos.getMean() * nanos.getTotalCount() / 1e3,
                Arrays.stream(blockedNanos).skip(1).mapToObj(wait -> wait / 1e3).toList(),
                blockedNanos[0] / 1e3,
                atOnce,
                brokenChunks,
                largePageBytes);
    }

    /** Of the vCPU that waited longest, with all of which it is not known whose they were. */
    public double mostBlocked() {
        return unknown + blocked.stream().mapToDouble(wait -> wait).max().orElse(0);
    }

    /** Of the vCPU that waited least. */
    public double leastBlocked() {
        return blocked.stream().mapToDouble(wait -> wait).min().orElse(0);
    }
}
