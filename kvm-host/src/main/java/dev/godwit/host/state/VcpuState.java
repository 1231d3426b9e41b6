package dev.godwit.host.state;

import static dev.godwit.bindings.linux.SystemCallException.check;

import dev.godwit.bindings.kvm.KvmIoctl;
import dev.godwit.bindings.kvm.gen.kvm_cpuid2;
import dev.godwit.bindings.kvm.gen.kvm_cpuid_entry2;
import dev.godwit.bindings.kvm.gen.kvm_debugregs;
import dev.godwit.bindings.kvm.gen.kvm_h;
import dev.godwit.bindings.kvm.gen.kvm_lapic_state;
import dev.godwit.bindings.kvm.gen.kvm_mp_state;
import dev.godwit.bindings.kvm.gen.kvm_regs;
import dev.godwit.bindings.kvm.gen.kvm_sregs;
import dev.godwit.bindings.kvm.gen.kvm_sregs2;
import dev.godwit.bindings.kvm.gen.kvm_vcpu_events;
import dev.godwit.bindings.kvm.gen.kvm_xcrs;
import dev.godwit.bindings.linux.Errno;
import dev.godwit.host.kvm.CpuId;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.kvm.Vcpu;
import dev.godwit.host.kvm.Vm;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * Saves and restores everything that makes a vCPU. One for each VM: it keeps its buffers and the host's list of
 * registers, so that a save is some fifteen system calls and one copy.
 *
 * <p>Order of saving: reading the run state may deliver a pending INIT or SIPI, and reading the events may put a pending
 * exception's address into CR2 or DR6, so these two come first. The time-stamp counter is read last, next to the host's
 * clock.
 *
 * <p>Order of restoring: CPUID first, for it decides which registers and bits exist. System registers before the local
 * APIC, since they hold its mode, on which its identifier's form depends. Registers before events, since setting them
 * drops a pending exception. Counter, then deadline, both after the APIC, which must be in deadline mode to take it. The
 * run state last, since setting system registers may wake a boot vCPU.
 *
 * <p>Threading: one thread at a time, while the vCPU does not run.
 *
 * <p>Source: {@code Documentation/virt/kvm/api.rst}; record kinds and layouts in {@code docs/state-format.md}.
 */
public final class VcpuState {
    /** Version of the section. */
    public static final int VERSION = 1;

    private static final int CPUID = 1;
    private static final int SREGS = 2;
    private static final int REGS = 3;
    private static final int XSAVE = 4;
    private static final int XCRS = 5;
    private static final int DEBUG = 6;
    private static final int LAPIC = 7;
    private static final int MP_STATE = 8;
    private static final int EVENTS = 9;
    private static final int MSRS = 10;
    private static final int TSC = 11;
    private static final int LAST = TSC;

    private static final int MOST_CPUID_ENTRIES = 256;
    private static final int XSAVE_BYTES = 4096;

    private static final long CR4_VMXE = 1 << 13;
    private static final long CR4_CET = 1 << 23;
    private static final long EFER_SVME = 1 << 12;

    private final boolean hasSregs2;
    private final long xsaveBytes;
    private final MsrState msrs;
    private final RecordWriter writer;
    private final MemorySegment oldSregs;
    private final MemorySegment xsave;

    /** Learns what the host has. */
    public VcpuState(Kvm kvm, Vm vm) {
        // Freed when this object is unreachable; calls keep it reachable.
        Arena arena = Arena.ofAuto();
        this.hasSregs2 = vm.extension(kvm_h.KVM_CAP_SREGS2()) > 0;
        this.xsaveBytes = Math.max(vm.extension(kvm_h.KVM_CAP_XSAVE2()), XSAVE_BYTES);
        this.msrs = new MsrState(arena, kvm.stateMsrs());
        this.writer = new RecordWriter(arena, (32 << 10) + xsaveBytes + msrs.capacity());
        this.oldSregs = kvm_sregs.allocate(arena);
        this.xsave = arena.allocate(xsaveBytes, 64);
    }

    /**
     * Saves a vCPU.
     *
     * @throws dev.godwit.bindings.linux.SystemCallException when the host refuses a part that no vCPU can do without
     */
    public Saved save(Vcpu vcpu) {
        List<String> notSaved = new ArrayList<>();
        writer.clear();
        record(vcpu, MP_STATE, KvmIoctl.KVM_GET_MP_STATE, "KVM_GET_MP_STATE", kvm_mp_state.sizeof());
        record(vcpu, EVENTS, KvmIoctl.KVM_GET_VCPU_EVENTS, "KVM_GET_VCPU_EVENTS", kvm_vcpu_events.sizeof());
        saveCpuId(vcpu);
        saveSregs(vcpu, notSaved);
        record(vcpu, REGS, KvmIoctl.KVM_GET_REGS, "KVM_GET_REGS", kvm_regs.sizeof());
        record(vcpu, XSAVE, xsaveRequest(), "KVM_GET_XSAVE", xsaveBytes);
        // A host without XSAVE has no extended control registers, a VM with its APIC elsewhere none here.
        recordIfThere(vcpu, XCRS, KvmIoctl.KVM_GET_XCRS, "KVM_GET_XCRS", kvm_xcrs.sizeof());
        record(vcpu, DEBUG, KvmIoctl.KVM_GET_DEBUGREGS, "KVM_GET_DEBUGREGS", kvm_debugregs.sizeof());
        recordIfThere(vcpu, LAPIC, KvmIoctl.KVM_GET_LAPIC, "KVM_GET_LAPIC", kvm_lapic_state.sizeof());
        writer.commit(MSRS, msrs.save(vcpu, writer.room(msrs.capacity()), notSaved));
        saveTsc(vcpu, notSaved);
        return new Saved(writer.toArray(), notSaved);
    }

    /**
     * Restores a vCPU that has not run yet, on a VM with the same devices.
     *
     * @param section what {@link #save} returned, or what somebody claims it did
     * @param elapsed whether the time-stamp counter goes on by the time that passed
     * @return what could not be restored, each by name; empty when all is as it was
     * @throws StateFormatException when the section is malformed or does not fit; nothing may be run then
     * @throws dev.godwit.bindings.linux.SystemCallException when the host refuses a part; nothing may be run then
     */
    public List<String> restore(Vcpu vcpu, byte[] section, ElapsedTime elapsed) {
        try (Arena arena = Arena.ofConfined()) {
            RecordTable records = new RecordTable(arena, "vCPU", section, LAST);
            List<String> notRestored = new ArrayList<>();
            MemorySegment cpuId = checkedCpuId(records);
            MemorySegment sregs = records.required(SREGS, kvm_sregs2.sizeof());
            MemorySegment regs = records.required(REGS, kvm_regs.sizeof());
            fillXsave(records);
            MemorySegment xcrs = records.optional(XCRS, kvm_xcrs.sizeof());
            MemorySegment debug = records.required(DEBUG, kvm_debugregs.sizeof());
            MemorySegment lapic = records.optional(LAPIC, kvm_lapic_state.sizeof());
            MemorySegment events = records.required(EVENTS, kvm_vcpu_events.sizeof());
            MemorySegment mpState = records.required(MP_STATE, kvm_mp_state.sizeof());
            MemorySegment tsc = records.required(TSC, TimeRecord.BYTES);
            MemorySegment registers = records.required(MSRS);
            if (registers.byteSize() % MsrState.ENTRY != 0) {
                throw records.fail("has " + registers.byteSize() + " bytes of registers, no multiple of 16");
            }

            set(vcpu, KvmIoctl.KVM_SET_CPUID2, "KVM_SET_CPUID2", cpuId);
            restoreTscFrequency(vcpu, TimeRecord.kiloHertz(tsc), notRestored);
            restoreSregs(vcpu, sregs);
            set(vcpu, KvmIoctl.KVM_SET_REGS, "KVM_SET_REGS", regs);
            set(vcpu, KvmIoctl.KVM_SET_XSAVE, "KVM_SET_XSAVE", xsave);
            if (xcrs != null) {
                set(vcpu, KvmIoctl.KVM_SET_XCRS, "KVM_SET_XCRS", xcrs);
            }
            set(vcpu, KvmIoctl.KVM_SET_DEBUGREGS, "KVM_SET_DEBUGREGS", debug);
            if (lapic != null) {
                set(vcpu, KvmIoctl.KVM_SET_LAPIC, "KVM_SET_LAPIC", lapic);
            } else if (vcpu.state(KvmIoctl.KVM_GET_LAPIC, arena.allocate(kvm_lapic_state.layout())) >= 0) {
                throw records.fail("has no local APIC, this VM's vCPUs have one");
            }
            msrs.restore(vcpu, registers, notRestored);
            restoreTsc(vcpu, tsc, elapsed, notRestored);
            msrs.restoreDeadline(vcpu, registers, notRestored);
            set(vcpu, KvmIoctl.KVM_SET_VCPU_EVENTS, "KVM_SET_VCPU_EVENTS", events);
            set(vcpu, KvmIoctl.KVM_SET_MP_STATE, "KVM_SET_MP_STATE", mpState);
            return List.copyOf(notRestored);
        }
    }

    /**
     * The CPU that a saved vCPU was given, to be checked against what this host has before anything is restored.
     *
     * @throws StateFormatException when the section is malformed
     */
    public static CpuId cpuId(byte[] section) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment record = new RecordTable(arena, "vCPU", section, LAST).required(CPUID);
            return CpuIdCodec.decode(record.toArray(ValueLayout.JAVA_BYTE));
        }
    }

    private void record(Vcpu vcpu, int id, long request, String name, long bytes) {
        check(vcpu.state(request, writer.room(bytes)), name, "vcpu", vcpu.id());
        writer.commit(id, bytes);
    }

    private void recordIfThere(Vcpu vcpu, int id, long request, String name, long bytes) {
        long result = vcpu.state(request, writer.room(bytes));
        if (result != -Errno.EINVAL) {
            check(result, name, "vcpu", vcpu.id());
            writer.commit(id, bytes);
        }
    }

    private static void set(Vcpu vcpu, long request, String name, MemorySegment value) {
        check(vcpu.state(request, value), name, "vcpu", vcpu.id());
    }

    private void saveCpuId(Vcpu vcpu) {
        MemorySegment room = writer.room(kvm_cpuid2.sizeof() + MOST_CPUID_ENTRIES * kvm_cpuid_entry2.sizeof());
        kvm_cpuid2.nent(room, MOST_CPUID_ENTRIES);
        check(vcpu.state(KvmIoctl.KVM_GET_CPUID2, room), "KVM_GET_CPUID2", "vcpu", vcpu.id());
        writer.commit(CPUID, kvm_cpuid2.sizeof() + kvm_cpuid2.nent(room) * kvm_cpuid_entry2.sizeof());
    }

    private static MemorySegment checkedCpuId(RecordTable records) {
        MemorySegment cpuId = records.required(CPUID);
        long bytes = cpuId.byteSize() - kvm_cpuid2.sizeof();
        if (bytes < 0 || bytes != Integer.toUnsignedLong(kvm_cpuid2.nent(cpuId)) * kvm_cpuid_entry2.sizeof()) {
            throw records.fail("has a CPUID record whose count does not match its " + cpuId.byteSize() + " bytes");
        }
        return cpuId;
    }

    /** The form of {@code KVM_GET_SREGS2} always: it holds the page-directory pointers, which else are read from RAM. */
    private void saveSregs(Vcpu vcpu, List<String> notSaved) {
        MemorySegment room = writer.room(kvm_sregs2.sizeof());
        if (hasSregs2) {
            check(vcpu.state(KvmIoctl.KVM_GET_SREGS2, room), "KVM_GET_SREGS2", "vcpu", vcpu.id());
        } else {
            check(vcpu.state(KvmIoctl.KVM_GET_SREGS, oldSregs), "KVM_GET_SREGS", "vcpu", vcpu.id());
            MemorySegment.copy(oldSregs, 0, room, 0, kvm_sregs2.flags$offset());
        }
        long cr4 = kvm_sregs2.cr4(room);
        if ((cr4 & CR4_VMXE) != 0 || (kvm_sregs2.efer(room) & EFER_SVME) != 0) {
            notSaved.add("nested virtualization");
        }
        if ((cr4 & CR4_CET) != 0) {
            notSaved.add("shadow stack pointer");
        }
        writer.commit(SREGS, kvm_sregs2.sizeof());
    }

    private void restoreSregs(Vcpu vcpu, MemorySegment sregs) {
        if (hasSregs2) {
            set(vcpu, KvmIoctl.KVM_SET_SREGS2, "KVM_SET_SREGS2", sregs);
        } else {
            // What is left is the bitmap of an interrupt under way, which the events hold too.
            oldSregs.fill((byte) 0);
            MemorySegment.copy(sregs, 0, oldSregs, 0, kvm_sregs2.flags$offset());
            set(vcpu, KvmIoctl.KVM_SET_SREGS, "KVM_SET_SREGS", oldSregs);
        }
    }

    private long xsaveRequest() {
        return xsaveBytes > XSAVE_BYTES ? KvmIoctl.KVM_GET_XSAVE2 : KvmIoctl.KVM_GET_XSAVE;
    }

    /** Brings the saved extended registers to the size that this host works with. */
    private void fillXsave(RecordTable records) {
        MemorySegment saved = records.required(XSAVE);
        if (saved.byteSize() < XSAVE_BYTES) {
            throw records.fail("has extended registers of " + saved.byteSize() + " bytes, at least 4096 are needed");
        }
        for (long i = xsaveBytes; i < saved.byteSize(); i++) {
            if (saved.get(ValueLayout.JAVA_BYTE, i) != 0) {
                throw records.fail(
                        "uses extended registers of " + saved.byteSize() + " bytes, this host has " + xsaveBytes);
            }
        }
        xsave.fill((byte) 0);
        MemorySegment.copy(saved, 0, xsave, 0, Math.min(saved.byteSize(), xsaveBytes));
    }

    private void saveTsc(Vcpu vcpu, List<String> notSaved) {
        long kiloHertz = vcpu.call(KvmIoctl.KVM_GET_TSC_KHZ);
        if (kiloHertz < 0) {
            notSaved.add("frequency of the time-stamp counter");
            kiloHertz = 0;
        }
        long value = msrs.read(vcpu, MsrState.TSC);
        TimeRecord.write(writer.room(TimeRecord.BYTES), value, ElapsedTime.now(), kiloHertz);
        writer.commit(TSC, TimeRecord.BYTES);
    }

    private static void restoreTscFrequency(Vcpu vcpu, long kiloHertz, List<String> notRestored) {
        if (kiloHertz == 0 || kiloHertz == vcpu.call(KvmIoctl.KVM_GET_TSC_KHZ)) {
            return;
        }
        // A host without TSC scaling still takes a frequency that is close enough to its own.
        if (vcpu.state(KvmIoctl.KVM_SET_TSC_KHZ, MemorySegment.ofAddress(kiloHertz & 0xffffffffL)) < 0) {
            notRestored.add("frequency of the time-stamp counter (" + kiloHertz + " kHz)");
        }
    }

    /** Names the counter if it does not follow: some hosts give every guest their own, and take what is set in silence. */
    private void restoreTsc(Vcpu vcpu, MemorySegment record, ElapsedTime elapsed, List<String> notRestored) {
        long kiloHertz = Math.clamp(TimeRecord.kiloHertz(record), 0, Integer.MAX_VALUE);
        // At most 2^42 ns times 2^31 kHz: divided in two steps, so that it stays within 64 bits.
        long advance = elapsed.since(TimeRecord.host(record), notRestored) / 1000 * kiloHertz / 1000;
        long wanted = TimeRecord.guest(record) + advance;
        msrs.write(vcpu, MsrState.TSC, wanted, notRestored);
        long error = msrs.read(vcpu, MsrState.TSC) - wanted;
        // KVM itself moves a counter by up to a second, to keep a VM's vCPUs together.
        if (error < -kiloHertz * 1000 || error > kiloHertz * 1000) {
            notRestored.add("value of the time-stamp counter");
        }
    }
}
