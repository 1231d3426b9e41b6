package dev.godwit.host.machine;

import dev.godwit.host.kvm.CpuId;
import dev.godwit.host.kvm.CpuId.Entry;
import java.util.ArrayList;
import java.util.List;

/**
 * The CPU a guest sees: everything the host's KVM supports, with this vCPU's APIC id, the guest's CPU count, the
 * hypervisor bit and, at leaf 0x40000010, the TSC frequency.
 *
 * <p>Sources: Intel SDM volume 2A, CPUID; the kernel's {@code Documentation/virt/kvm/x86/cpuid.rst}; leaf 0x40000010
 * is the hypervisors' common timing leaf (EAX: TSC frequency in kHz).
 */
final class GuestCpuId {
    private static final int KVM_BASE = 0x40000000;
    private static final int TIMING = 0x40000010;
    private static final int HYPERVISOR = 1 << 31;

    private GuestCpuId() {}

    static CpuId forVcpu(CpuId supported, int id, int cpus, int tscKhz) {
        List<Entry> entries = new ArrayList<>();
        for (Entry e : supported.entries()) {
            entries.add(
                    switch (e.function()) {
                        case 1 ->
                            new Entry(
                                    1,
                                    e.index(),
                                    e.flags(),
                                    e.eax(),
                                    (e.ebx() & 0xffff) | (id << 24) | (cpus << 16),
                                    e.ecx() | HYPERVISOR,
                                    e.edx());
                        case 0xb, 0x1f -> new Entry(e.function(), e.index(), e.flags(), e.eax(), e.ebx(), e.ecx(), id);
                        case KVM_BASE -> new Entry(KVM_BASE, e.index(), e.flags(), TIMING, e.ebx(), e.ecx(), e.edx());
                        default -> e;
                    });
        }
        if (tscKhz > 0) {
            entries.removeIf(e -> e.function() == TIMING);
            entries.add(new Entry(TIMING, 0, 0, tscKhz, 0, 0, 0));
        }
        return new CpuId(entries);
    }
}
