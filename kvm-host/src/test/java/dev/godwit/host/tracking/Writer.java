package dev.godwit.host.tracking;

import dev.godwit.bindings.kvm.gen.kvm_regs;
import dev.godwit.host.kvm.Vcpu;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.memory.PageSize;
import dev.godwit.host.raw.RawGuest;
import java.util.HexFormat;

/**
 * Code that stores pseudo-random words at pseudo-random places of two windows of a 5 GiB guest: one below the device hole,
 * one above it.
 */
final class Writer {
    static final long RAM = 5L << 30;

    /** Pages of each window. */
    static final int WINDOW = 2048;

    /** First page of the window in the first memory slot. */
    static final long LOW = 16 << 20 >>> PageSize.SMALL_SHIFT;

    /** First page of the window in the second memory slot. */
    static final long HIGH = (RAM >>> PageSize.SMALL_SHIFT) - WINDOW;

    /*
     * start: mov rcx,r10
     * loop:  x = rbx: x ^= x << 13; x ^= x >>> 7; x ^= x << 17
     *        mul rsi into rdx: the page; and eax,0xff8: the offset in it
     *        rdx < r8 ? rdx = rdi + rdx * 4096 : rdx = r9 + (rdx - r8) * 4096
     *        mov [rdx+rax],rbx; dec rcx; jnz loop
     *        mov [r12],ebx; jmp start
     */
    private static final byte[] CODE = HexFormat.of()
            .parseHex("4c89d14889d848c1e00d4831c34889d848c1e8074831c34889d848c1e0114831c34889d848f7e64889d825f80f0000"
                    + "4c39c2730948c1e20c4801faeb0a4c29c248c1e20c4c01ca48891c0248ffc975b341891c24ebaa");

    private Writer() {}

    static GuestMemory memory() {
        return GuestMemory.allocate(RAM, LargePages.THP);
    }

    static void load(RawGuest guest, long seed) {
        guest.load(CODE);
        for (Vcpu vcpu : guest.vcpus) {
            RawGuest.setRegisters(vcpu, regs -> {
                kvm_regs.rbx(regs, seed * 31 + vcpu.id() + 1);
                kvm_regs.rsi(regs, 2 * WINDOW);
                kvm_regs.r8(regs, WINDOW);
                kvm_regs.rdi(regs, guest.memory.addressOf(LOW).value());
                kvm_regs.r9(regs, guest.memory.addressOf(HIGH).value());
            });
        }
    }

    /** Lets a vCPU make that many stores. */
    static void write(Vcpu vcpu, int stores, Runnable onRingFull) {
        RawGuest.setRegisters(vcpu, regs -> kvm_regs.r10(regs, stores));
        RawGuest.runToDoor(vcpu, onRingFull);
    }
}
