package dev.godwit.agent.check;

import dev.godwit.agent.check.CheckReport.Capability;
import dev.godwit.agent.check.CheckReport.KvmSupport;
import dev.godwit.bindings.kvm.gen.kvm_h;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.kvm.KvmUnavailableException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** Asks KVM what it can do. */
final class KvmProbe {
    private record Question(String name, int number, boolean needed, String use) {}

    private static final List<Question> QUESTIONS = List.of(
            new Question("USER_MEMORY", kvm_h.KVM_CAP_USER_MEMORY(), true, "guest RAM"),
            new Question("SET_TSS_ADDR", kvm_h.KVM_CAP_SET_TSS_ADDR(), true, "real mode on Intel CPUs"),
            new Question("IRQCHIP", kvm_h.KVM_CAP_IRQCHIP(), true, "interrupts"),
            new Question("PIT2", kvm_h.KVM_CAP_PIT2(), true, "timer"),
            new Question("EXT_CPUID", kvm_h.KVM_CAP_EXT_CPUID(), true, "CPU features"),
            new Question("IMMEDIATE_EXIT", kvm_h.KVM_CAP_IMMEDIATE_EXIT(), true, "pausing a guest that spins"),
            new Question("MP_STATE", kvm_h.KVM_CAP_MP_STATE(), true, "saving vCPUs"),
            new Question("VCPU_EVENTS", kvm_h.KVM_CAP_VCPU_EVENTS(), true, "saving vCPUs"),
            new Question("XSAVE", kvm_h.KVM_CAP_XSAVE(), true, "saving vCPUs"),
            new Question("MANUAL_DIRTY_LOG_PROTECT2", kvm_h.KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2(), false, "short pauses"),
            new Question(
                    "DIRTY_LOG_RING_ACQ_REL", kvm_h.KVM_CAP_DIRTY_LOG_RING_ACQ_REL(), false, "--dirty-tracking ring"),
            new Question("XSAVE2", kvm_h.KVM_CAP_XSAVE2(), false, "saving AMX state"),
            new Question("NESTED_STATE", kvm_h.KVM_CAP_NESTED_STATE(), false, "guests that run guests"),
            new Question("TSC_CONTROL", kvm_h.KVM_CAP_TSC_CONTROL(), false, "targets with another clock rate"),
            new Question("SPLIT_IRQCHIP", kvm_h.KVM_CAP_SPLIT_IRQCHIP(), false, "interrupt chips in user space"),
            new Question("IRQFD", kvm_h.KVM_CAP_IRQFD(), false, "interrupts without a system call"),
            new Question("IOEVENTFD", kvm_h.KVM_CAP_IOEVENTFD(), false, "device notifications without an exit"),
            new Question(
                    "PRE_FAULT_MEMORY", kvm_h.KVM_CAP_PRE_FAULT_MEMORY(), false, "memory mapped ahead of the guest"),
            new Question("MAX_VCPUS", kvm_h.KVM_CAP_MAX_VCPUS(), false, "vCPUs in a guest"),
            new Question("NR_MEMSLOTS", kvm_h.KVM_CAP_NR_MEMSLOTS(), false, "memory slots"));

    /** Which {@link Kvm#open} insists on. */
    private static final int API_VERSION = 12;

    private KvmProbe() {}

    static KvmSupport probe() {
        try (Kvm kvm = Kvm.open()) {
            List<Capability> all = QUESTIONS.stream()
                    .map(q -> new Capability(q.name, kvm.extension(q.number), q.needed, q.use))
                    .toList();
            return new KvmSupport(module(), API_VERSION, null, all);
        } catch (KvmUnavailableException e) {
            return new KvmSupport(module(), null, e.getMessage(), List.of());
        }
    }

    /** The module that drives the CPU; null when none is loaded, or it is built in and does not show. */
    static String module() {
        return Stream.of("kvm_intel", "kvm_amd", "kvm_pvm")
                .filter(name -> Files.isDirectory(Path.of("/sys/module", name)))
                .findFirst()
                .orElse(null);
    }
}
