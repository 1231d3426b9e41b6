package dev.godwit.host.state;

import dev.godwit.host.kvm.CpuId;
import dev.godwit.host.state.CpuFeature.Register;
import java.util.ArrayList;
import java.util.List;

/**
 * Whether a guest that was given one CPU can run on a host that offers another.
 *
 * <p>Leaves that hold features are compared bit by bit; a leaf that the host lacks counts as zeros. Left out are bits
 * that follow the guest's own state (OSXSAVE, OSPKE, APIC), its place in the topology, what KVM provides on every host
 * (the hypervisor bit, the deadline timer), and bits that say that something is <em>not</em> there. The number of leaves
 * is no matter: KVM answers with the guest's own.
 *
 * <p>Source: Intel SDM volume 2A, CPUID; AMD APM volume 3, appendix E; {@code Documentation/virt/kvm/x86/cpuid.rst}.
 */
public final class CpuIdCheck {
    /** Bits of a register that are features. */
    private record Bits(int function, int index, Register register, int mask) {}

    private static final int ALL = -1;

    private static final List<Bits> FEATURES = List.of(
            // not: deadline timer, OSXSAVE, hypervisor
            new Bits(0x1, 0, Register.ECX, ~(1 << 24 | 1 << 27 | 1 << 31)),
            // not: APIC (on or off), hyper-threading (topology)
            new Bits(0x1, 0, Register.EDX, ~(1 << 9 | 1 << 28)),
            // not: x87 fields that are no longer written
            new Bits(0x7, 0, Register.EBX, ~(1 << 6 | 1 << 13)),
            // not: OSPKE, a number in 17 to 21
            new Bits(0x7, 0, Register.ECX, ~(1 << 4 | 0x1f << 17)),
            // not: transactions always abort
            new Bits(0x7, 0, Register.EDX, ~(1 << 11)),
            new Bits(0x7, 1, Register.EAX, ALL),
            new Bits(0x7, 1, Register.EBX, ALL),
            new Bits(0x7, 1, Register.ECX, ALL),
            new Bits(0x7, 1, Register.EDX, ALL),
            new Bits(0x7, 2, Register.EDX, ALL),
            new Bits(0xd, 0, Register.EAX, ALL),
            new Bits(0xd, 0, Register.EDX, ALL),
            new Bits(0xd, 1, Register.EAX, ALL),
            new Bits(0xd, 1, Register.ECX, ALL),
            new Bits(0xd, 1, Register.EDX, ALL),
            new Bits(0x14, 0, Register.EBX, ALL),
            new Bits(0x14, 0, Register.ECX, ALL),
            new Bits(0x19, 0, Register.EBX, ALL),
            new Bits(0x1e, 1, Register.EAX, ALL),
            new Bits(0x40000001, 0, Register.EAX, ALL),
            // not: several cores (topology)
            new Bits(0x80000001, 0, Register.ECX, ~(1 << 1)),
            // not: APIC
            new Bits(0x80000001, 0, Register.EDX, ~(1 << 9)),
            new Bits(0x80000007, 0, Register.EDX, ALL),
            new Bits(0x80000008, 0, Register.EBX, ALL),
            new Bits(0x8000000a, 0, Register.EDX, ALL),
            new Bits(0x80000021, 0, Register.EAX, ALL));

    private CpuIdCheck() {}

    /**
     * What the guest may rely on and the host lacks.
     *
     * @param guest the guest's CPUID
     * @param host what a vCPU has here once it was given all that KVM supports ({@code KVM_GET_CPUID2}); some hosts give
     *     guests more than they list as supported, because they cannot hide it
     * @return features by name, for example {@code avx512f} or {@code cpuid 0x7.0 ebx bit 16}; empty when the guest can run
     */
    public static List<String> missing(CpuId guest, CpuId host) {
        List<String> missing = new ArrayList<>();
        if (!vendor(guest).equals(vendor(host))) {
            missing.add("vendor " + vendor(guest) + " (the host is " + vendor(host) + ")");
        }
        for (Bits bits : FEATURES) {
            int lacking = register(guest, bits) & ~register(host, bits) & bits.mask();
            for (int bit = 0; bit < Integer.SIZE; bit++) {
                if ((lacking >>> bit & 1) != 0) {
                    missing.add(new CpuFeature(bits.function(), bits.index(), bits.register(), bit).toString());
                }
            }
        }
        compareXsave(guest, host, missing);
        compareAddressBits(guest, host, missing);
        return List.copyOf(missing);
    }

    /** Saved extended registers are laid out as the processor says: the parts must have the same places on both. */
    private static void compareXsave(CpuId guest, CpuId host, List<String> missing) {
        int guestSize = register(guest, 0xd, 0, Register.ECX);
        int hostSize = register(host, 0xd, 0, Register.ECX);
        if (Integer.compareUnsigned(guestSize, hostSize) > 0) {
            missing.add("xsave area of " + guestSize + " bytes (the host has " + hostSize + ")");
        }
        int components = register(guest, 0xd, 0, Register.EAX);
        for (int i = 2; i < Integer.SIZE; i++) {
            boolean differs = register(guest, 0xd, i, Register.EAX) != register(host, 0xd, i, Register.EAX)
                    || register(guest, 0xd, i, Register.EBX) != register(host, 0xd, i, Register.EBX);
            if ((components >>> i & 1) != 0 && differs) {
                missing.add("xsave component " + i + " at the same place");
            }
        }
    }

    private static void compareAddressBits(CpuId guest, CpuId host, List<String> missing) {
        int guestBits = register(guest, 0x80000008, 0, Register.EAX);
        int hostBits = register(host, 0x80000008, 0, Register.EAX);
        if ((guestBits & 0xff) > (hostBits & 0xff)) {
            missing.add((guestBits & 0xff) + " physical address bits (the host has " + (hostBits & 0xff) + ")");
        }
        if ((guestBits >>> 8 & 0xff) > (hostBits >>> 8 & 0xff)) {
            missing.add(
                    (guestBits >>> 8 & 0xff) + " virtual address bits (the host has " + (hostBits >>> 8 & 0xff) + ")");
        }
    }

    private static String vendor(CpuId cpu) {
        StringBuilder vendor = new StringBuilder();
        for (Register part : new Register[] {Register.EBX, Register.EDX, Register.ECX}) {
            int word = register(cpu, 0, 0, part);
            for (int shift = 0; shift < Integer.SIZE; shift += 8) {
                char letter = (char) (word >>> shift & 0xff);
                vendor.append(letter >= ' ' && letter < 0x7f ? letter : '?');
            }
        }
        return vendor.toString();
    }

    private static int register(CpuId cpu, Bits bits) {
        return register(cpu, bits.function(), bits.index(), bits.register());
    }

    private static int register(CpuId cpu, int function, int index, Register register) {
        return cpu.find(function, index)
                .map(entry -> switch (register) {
                    case EAX -> entry.eax();
                    case EBX -> entry.ebx();
                    case ECX -> entry.ecx();
                    case EDX -> entry.edx();
                })
                .orElse(0);
    }
}
