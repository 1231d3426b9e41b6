package dev.godwit.agent.check;

import dev.godwit.agent.check.CheckReport.AccessTracking;
import dev.godwit.agent.check.CheckReport.Capability;
import dev.godwit.agent.check.CheckReport.Cpu;
import dev.godwit.agent.check.CheckReport.KvmSupport;
import dev.godwit.agent.check.CheckReport.LargePageSupport;
import dev.godwit.agent.check.CheckReport.Limits;
import dev.godwit.agent.check.CheckReport.Memory;
import dev.godwit.agent.check.CheckReport.Problem;
import dev.godwit.agent.check.CheckReport.Userfault;
import dev.godwit.agent.inventory.HostMemory;
import dev.godwit.bindings.linux.ProcessCalls;
import dev.godwit.bindings.linux.gen.rlimit;
import dev.godwit.host.thread.Precedence;
import dev.godwit.host.thread.Urgency;
import dev.godwit.host.tracking.AccessMechanism;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/** Looks at this host, changing nothing. */
public final class HostCheck {
    private static final String THP = "/sys/kernel/mm/transparent_hugepage/";
    private static final String HUGETLB = "/sys/kernel/mm/hugepages/hugepages-2048kB/";
    private static final String KVM_DEVICE =
            "it has to be KVM's character device, 10:232, with API version 12 (Linux 2.6.22 or later)";
    private static final long LARGE = 2L << 20;
    private static final long FEW_FILES = 4096;
    private static final List<String> VM_VALUES = List.of(
            "overcommit_memory",
            "swappiness",
            "nr_hugepages",
            "nr_overcommit_hugepages",
            "max_map_count",
            "unprivileged_userfaultfd",
            "compaction_proactiveness",
            "zone_reclaim_mode");

    private HostCheck() {}

    /** Looks now. */
    public static CheckReport run() {
        KvmSupport kvm = KvmProbe.probe();
        LargePageSupport pages = largePages();
        Userfault userfault = UserfaultProbe.probe();
        Limits limits =
                new Limits(limit(ProcessCalls.RLIMIT_NOFILE), limit(ProcessCalls.RLIMIT_MEMLOCK), urgentThreads());
        List<Problem> problems = new ArrayList<>();
        kvmProblems(kvm, problems);
        pageProblems(pages, problems);
        userfaultProblems(userfault, problems);
        if (limits.openFiles() >= 0 && limits.openFiles() < FEW_FILES) {
            problems.add(new Problem(
                    false,
                    "a process may open only " + limits.openFiles() + " files; a guest takes a few of them",
                    "ulimit -n 65536, or LimitNOFILE= in the agent's systemd unit"));
        }
        if (!limits.urgentThreads()) {
            problems.add(new Problem(
                    false,
                    "no real-time priority is allowed: who brings a page that a guest waits for takes turns with all"
                            + " other threads",
                    "CAP_SYS_NICE (root has it), or LimitRTPRIO=1 in the agent's systemd unit; in Docker --cap-add"
                            + " SYS_NICE"));
        }
        if (!lowerNice()) {
            problems.add(new Problem(
                    false,
                    "nice values down to -10 are not allowed: guests may have to take turns with the streams of their"
                            + " memory, and who asks the agent with its guests",
                    "CAP_SYS_NICE (root has it), or LimitNICE=-10 in the agent's systemd unit; in Docker --cap-add"
                            + " SYS_NICE"));
        }
        List<AccessTracking> tracking = accessTracking();
        if (tracking.stream().noneMatch(AccessTracking::usable)) {
            problems.add(new Problem(
                    false,
                    "accesses of guests cannot be tracked: "
                            + tracking.getFirst().error(),
                    "the rights to trace (CAP_SYS_ADMIN, or root), or userfaultfd with Linux 6.8"));
        }
        problems.sort(Comparator.comparing(p -> !p.fatal()));
        HostMemory memory = HostMemory.now();
        return new CheckReport(
                problems.stream().noneMatch(Problem::fatal),
                KernelFiles.text("/proc/sys/kernel/osrelease").orElse(System.getProperty("os.version")),
                cpu(),
                new Memory(memory.total(), memory.available()),
                kvm,
                pages,
                userfault,
                tracking,
                vm(),
                limits,
                problems);
    }

    private static void kvmProblems(KvmSupport kvm, List<Problem> problems) {
        if (kvm.error() != null) {
            int colon = kvm.error().indexOf(": ");
            problems.add(
                    colon < 0
                            ? new Problem(true, kvm.error(), KVM_DEVICE)
                            : new Problem(
                                    true,
                                    kvm.error().substring(0, colon),
                                    kvm.error().substring(colon + 2)));
        }
        for (Capability c : kvm.capabilities()) {
            if (c.needed() && c.value() == 0) {
                problems.add(new Problem(
                        true, "KVM lacks " + c.name() + " (" + c.use() + ")", "a newer kernel: Linux 5.15 or later"));
            }
        }
        if (kvm.capabilities().stream().anyMatch(c -> c.name().startsWith("MANUAL_DIRTY") && c.value() == 0)) {
            problems.add(new Problem(
                    false,
                    "KVM lacks MANUAL_DIRTY_LOG_PROTECT2: no migrations",
                    "a newer kernel: Linux 5.15 or later"));
        }
    }

    private static void pageProblems(LargePageSupport pages, List<Problem> problems) {
        if (pages.thp() == null || pages.thp().equals("never")) {
            problems.add(new Problem(
                    false,
                    "transparent huge pages are off: guests run slower",
                    "echo madvise > " + THP + "enabled (as root)"));
        }
    }

    private static void userfaultProblems(Userfault userfault, List<Problem> problems) {
        if (!userfault.usable()) {
            problems.add(new Problem(
                    false,
                    "userfaultfd is not allowed (" + userfault.error() + "): no paging features, no --ready-memory",
                    "read-write access to /dev/userfaultfd (Linux 6.1; in Docker: --device /dev/userfaultfd); or, not"
                            + " in Docker, sysctl vm.unprivileged_userfaultfd=1"));
        } else if (!userfault.move()) {
            problems.add(new Problem(
                    false,
                    "userfaultfd cannot move pages: slower paging, no --ready-memory",
                    "a newer kernel: Linux 6.8 or later"));
        }
    }

    private static boolean urgentThreads() {
        try (Urgency urgency = Urgency.begin()) {
            return urgency.isGranted();
        }
    }

    /** On a thread of its own, which is not given back what it had. */
    private static boolean lowerNice() {
        CompletableFuture<Boolean> granted = new CompletableFuture<>();
        Thread.ofPlatform().daemon().name("check").start(() -> granted.complete(Precedence.CONTROL.take()));
        return granted.join();
    }

    private static List<AccessTracking> accessTracking() {
        return Arrays.stream(AccessMechanism.values())
                .map(way -> {
                    String error = way.problem().orElse(null);
                    return new AccessTracking(way.text(), error == null, error);
                })
                .toList();
    }

    private static LargePageSupport largePages() {
        return new LargePageSupport(
                KernelFiles.choice(THP + "enabled").orElse(null),
                KernelFiles.choice(THP + "defrag").orElse(null),
                KernelFiles.number(HUGETLB + "nr_hugepages").map(n -> n * LARGE).orElse(null),
                KernelFiles.number(HUGETLB + "free_hugepages")
                        .map(n -> n * LARGE)
                        .orElse(null));
    }

    private static Cpu cpu() {
        String model = KernelFiles.text("/proc/cpuinfo").stream()
                .flatMap(String::lines)
                .filter(line -> line.startsWith("model name"))
                .map(line -> line.substring(line.indexOf(':') + 1).strip())
                .findFirst()
                .orElse("unknown");
        int nodes = KernelFiles.count("/sys/devices/system/node", "node[0-9]+");
        return new Cpu(model, Runtime.getRuntime().availableProcessors(), Math.max(1, nodes));
    }

    private static Map<String, String> vm() {
        Map<String, String> values = new LinkedHashMap<>();
        for (String name : VM_VALUES) {
            KernelFiles.text("/proc/sys/vm/" + name).ifPresent(value -> values.put(name, value));
        }
        return values;
    }

    private static long limit(int resource) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment limits = rlimit.allocate(arena);
            return ProcessCalls.getrlimit(resource, limits) < 0 ? -1 : rlimit.rlim_cur(limits);
        }
    }
}
