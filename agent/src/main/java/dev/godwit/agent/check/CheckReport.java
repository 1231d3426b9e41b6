package dev.godwit.agent.check;

import java.util.List;
import java.util.Map;

/**
 * What a host can do. Sizes are in bytes; null is unknown.
 *
 * @param capable whether guests can run here
 * @param vm values under {@code /proc/sys/vm} that matter
 * @param problems what is missing, the worst first
 */
public record CheckReport(
        boolean capable,
        String kernel,
        Cpu cpu,
        Memory memory,
        KvmSupport kvm,
        LargePageSupport largePages,
        Userfault userfaultfd,
        List<AccessTracking> accessTracking,
        Map<String, String> vm,
        Limits limits,
        List<Problem> problems) {

    /**
     * The processors.
     *
     * @param nodes NUMA nodes with processors or memory
     */
    public record Cpu(String model, int count, int nodes) {}

    /** RAM. */
    public record Memory(long total, long available) {}

    /**
     * KVM.
     *
     * @param module the kernel module behind it: {@code kvm_intel}, {@code kvm_amd}, {@code kvm_pvm}
     * @param apiVersion 12, the only one there will be; null when it cannot be used
     * @param error why it cannot be used
     */
    public record KvmSupport(String module, Integer apiVersion, String error, List<Capability> capabilities) {}

    /**
     * One capability of KVM.
     *
     * @param value the kernel's answer; 0 is absent
     * @param needed whether no guest runs without it
     * @param use what it is for
     */
    public record Capability(String name, int value, boolean needed, String use) {}

    /**
     * Large pages.
     *
     * @param thp the choice in {@code transparent_hugepage/enabled}
     * @param hugetlbTotal reserved 2 MiB pages, in bytes
     * @param hugetlbFree those that nobody uses, in bytes
     */
    public record LargePageSupport(String thp, String thpDefrag, Long hugetlbTotal, Long hugetlbFree) {}

    /**
     * userfaultfd, which later features need.
     *
     * @param features the kernel's feature bits
     * @param move whether pages can be moved out of a guest and back (Linux 6.8)
     */
    public record Userfault(boolean usable, String error, Long features, boolean move) {}

    /**
     * A way of seeing which pages a guest accesses; the first that is usable is used.
     *
     * @param error why it cannot be used; null when it can
     */
    public record AccessTracking(String mechanism, boolean usable, String error) {}

    /**
     * Limits of this process; -1 is none.
     *
     * @param urgentThreads whether it may have threads that come before all ordinary ones
     */
    public record Limits(long openFiles, long lockedMemory, boolean urgentThreads) {}

    /**
     * Something that is missing.
     *
     * @param fatal whether no guest can run because of it
     * @param help how to get it
     */
    public record Problem(boolean fatal, String what, String help) {}
}
