package dev.godwit.host.boot;

import dev.godwit.bindings.kvm.KvmIoctl;
import dev.godwit.bindings.kvm.gen.kvm_regs;
import dev.godwit.bindings.kvm.gen.kvm_segment;
import dev.godwit.bindings.kvm.gen.kvm_sregs;
import dev.godwit.bindings.linux.SystemCallException;
import dev.godwit.host.kvm.Vcpu;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The boot vCPU's registers at a PVH entry: 32-bit protected mode, flat segments, paging off, {@code ebx} at the start
 * info.
 *
 * <p>Source: Xen's {@code docs/misc/pvh.pandoc}.
 */
public final class PvhEntryState {
    private static final int CODE = 0xb;
    private static final int DATA = 0x3;
    private static final int BUSY_TSS = 0xb;
    private static final long PROTECTED_MODE = 1;
    private static final long EXTENSION_TYPE = 1 << 4;

    private PvhEntryState() {}

    /** Sets the registers of the boot vCPU. */
    public static void apply(Vcpu vcpu, long entry, long startInfo) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment sregs = kvm_sregs.allocate(arena);
            SystemCallException.check(vcpu.state(KvmIoctl.KVM_GET_SREGS, sregs), "KVM_GET_SREGS");
            flat(kvm_sregs.cs(sregs), CODE, 0x8, true);
            for (MemorySegment data : new MemorySegment[] {
                kvm_sregs.ds(sregs), kvm_sregs.es(sregs), kvm_sregs.fs(sregs), kvm_sregs.gs(sregs), kvm_sregs.ss(sregs)
            }) {
                flat(data, DATA, 0x10, true);
            }
            flat(kvm_sregs.tr(sregs), BUSY_TSS, 0x18, false);
            kvm_segment.limit(kvm_sregs.tr(sregs), 0x67);
            kvm_segment.g(kvm_sregs.tr(sregs), (byte) 0);
            kvm_sregs.cr0(sregs, PROTECTED_MODE | EXTENSION_TYPE);
            kvm_sregs.cr4(sregs, 0);
            kvm_sregs.efer(sregs, 0);
            SystemCallException.check(vcpu.state(KvmIoctl.KVM_SET_SREGS, sregs), "KVM_SET_SREGS");

            MemorySegment regs = kvm_regs.allocate(arena);
            kvm_regs.rflags(regs, 2);
            kvm_regs.rbx(regs, startInfo);
            kvm_regs.rip(regs, entry);
            SystemCallException.check(vcpu.state(KvmIoctl.KVM_SET_REGS, regs), "KVM_SET_REGS");
        }
    }

    private static void flat(MemorySegment segment, int type, int selector, boolean codeOrData) {
        kvm_segment.base(segment, 0);
        kvm_segment.limit(segment, 0xffffffff);
        kvm_segment.selector(segment, (short) selector);
        kvm_segment.type(segment, (byte) type);
        kvm_segment.present(segment, (byte) 1);
        kvm_segment.dpl(segment, (byte) 0);
        kvm_segment.db(segment, (byte) (codeOrData ? 1 : 0));
        kvm_segment.s(segment, (byte) (codeOrData ? 1 : 0));
        kvm_segment.l(segment, (byte) 0);
        kvm_segment.g(segment, (byte) 1);
        kvm_segment.avl(segment, (byte) 0);
        kvm_segment.unusable(segment, (byte) 0);
    }
}
