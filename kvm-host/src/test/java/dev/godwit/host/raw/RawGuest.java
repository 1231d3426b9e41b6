package dev.godwit.host.raw;

import dev.godwit.bindings.kvm.KvmIoctl;
import dev.godwit.bindings.kvm.gen.kvm_regs;
import dev.godwit.bindings.kvm.gen.kvm_segment;
import dev.godwit.bindings.kvm.gen.kvm_sregs;
import dev.godwit.bindings.linux.SystemCallException;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.kvm.Vcpu;
import dev.godwit.host.kvm.VcpuExit;
import dev.godwit.host.kvm.Vm;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.MemorySlots;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.ToLongFunction;

/**
 * A VM whose vCPUs start right in ring 3 of long mode, all memory up to 6 GiB mapped to itself: ring 3 runs natively on
 * every kind of KVM. It leaves the guest by writing to {@link #DOOR}, an address without RAM.
 */
public final class RawGuest implements AutoCloseable {
    /** Guest-physical address whose write is an exit. */
    public static final long DOOR = 0xd000_0000L;

    /** Guest-physical address of the code; everything below 64 KiB is the guest's scaffolding. */
    public static final long CODE = 0xa000;

    private static final VarHandle WORD = ValueLayout.JAVA_LONG.varHandle();
    private static final long PML4 = 0x1000;
    private static final long PDPT = 0x2000;
    private static final long PD = 0x3000;
    private static final int MAPPED_GIB = 6;
    private static final long PRESENT_WRITABLE_USER = 7;
    private static final long LARGE_PAGE = 1 << 7;

    public final Kvm kvm = Kvm.open();
    public final Vm vm = kvm.createVm();
    public final GuestMemory memory;
    public final MemorySlots slots;
    public final List<Vcpu> vcpus = new ArrayList<>();

    /** What was prepared before there were vCPUs, for example the size of dirty rings. */
    public final long prepared;

    /** A VM with this RAM, interrupt controllers or none, and vCPUs that have no registers yet. */
    public RawGuest(GuestMemory memory, int vcpus, boolean chips, ToLongFunction<Vm> prepare) {
        this.memory = memory;
        this.slots = new MemorySlots(vm, memory);
        slots.install();
        if (chips) {
            vm.createIrqchip();
            vm.createPit();
        }
        prepared = prepare.applyAsLong(vm);
        for (int id = 0; id < vcpus; id++) {
            this.vcpus.add(vm.createVcpu(id));
        }
    }

    /** A VM with this RAM that is not prepared in any way. */
    public RawGuest(GuestMemory memory, int vcpus, boolean chips) {
        this(memory, vcpus, chips, vm -> 0);
    }

    /** Writes page tables and code, and puts all vCPUs at the code's start. */
    public void load(byte[] code) {
        write(PML4, PDPT | PRESENT_WRITABLE_USER);
        for (int gib = 0; gib < MAPPED_GIB; gib++) {
            long table = PD + gib * 0x1000L;
            write(PDPT + gib * 8L, table | PRESENT_WRITABLE_USER);
            for (int i = 0; i < 512; i++) {
                write(table + i * 8L, (long) gib << 30 | (long) i << 21 | PRESENT_WRITABLE_USER | LARGE_PAGE);
            }
        }
        MemorySegment.copy(code, 0, memory.slice(CODE, code.length), ValueLayout.JAVA_BYTE, 0, code.length);
        for (Vcpu vcpu : vcpus) {
            vcpu.setCpuId(kvm.supportedCpuId());
            enterLongMode(vcpu);
        }
    }

    /** Changes a vCPU's general registers. */
    public static void setRegisters(Vcpu vcpu, Consumer<MemorySegment> change) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment regs = kvm_regs.allocate(arena);
            SystemCallException.check(vcpu.state(KvmIoctl.KVM_GET_REGS, regs), "KVM_GET_REGS");
            change.accept(regs);
            SystemCallException.check(vcpu.state(KvmIoctl.KVM_SET_REGS, regs), "KVM_SET_REGS");
        }
    }

    /** Runs a vCPU until it writes to {@link #DOOR}, and completes that write. */
    public static void runToDoor(Vcpu vcpu, Runnable onRingFull) {
        while (true) {
            switch (vcpu.run()) {
                case VcpuExit.Mmio door
                when door.isWrite() && door.address() == DOOR -> {
                    complete(vcpu);
                    return;
                }
                case VcpuExit.DirtyRingFull full -> onRingFull.run();
                case VcpuExit.Interrupted again -> {}
                case VcpuExit exit -> throw new IllegalStateException("unexpected exit " + exit);
            }
        }
    }

    /** An access by the guest is over only when its vCPU is entered again. */
    private static void complete(Vcpu vcpu) {
        vcpu.requestExit();
        VcpuExit exit = vcpu.run();
        if (!(exit instanceof VcpuExit.Interrupted)) {
            throw new IllegalStateException("unexpected exit " + exit);
        }
        vcpu.clearExitRequest();
    }

    /** One 64-bit word of guest memory, as it is now: also while the guest writes it. */
    public long read(long gpa) {
        return (long) WORD.getVolatile(memory.slice(gpa, 8), 0L);
    }

    private void write(long gpa, long value) {
        memory.slice(gpa, 8).set(ValueLayout.JAVA_LONG, 0, value);
    }

    private static void enterLongMode(Vcpu vcpu) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment sregs = kvm_sregs.allocate(arena);
            SystemCallException.check(vcpu.state(KvmIoctl.KVM_GET_SREGS, sregs), "KVM_GET_SREGS");
            segment(kvm_sregs.cs(sregs), 0xb, 0x33, true);
            for (MemorySegment data : new MemorySegment[] {
                kvm_sregs.ds(sregs), kvm_sregs.es(sregs), kvm_sregs.fs(sregs), kvm_sregs.gs(sregs), kvm_sregs.ss(sregs)
            }) {
                segment(data, 0x3, 0x2b, false);
            }
            kvm_sregs.cr0(sregs, 0x80000033L);
            kvm_sregs.cr3(sregs, PML4);
            kvm_sregs.cr4(sregs, 0x620);
            kvm_sregs.efer(sregs, 0xd00);
            SystemCallException.check(vcpu.state(KvmIoctl.KVM_SET_SREGS, sregs), "KVM_SET_SREGS");
        }
        setRegisters(vcpu, regs -> {
            kvm_regs.rip(regs, CODE);
            kvm_regs.rflags(regs, 2);
            kvm_regs.r12(regs, DOOR);
        });
    }

    private static void segment(MemorySegment segment, int type, int selector, boolean code) {
        kvm_segment.base(segment, 0);
        kvm_segment.limit(segment, 0xffffffff);
        kvm_segment.selector(segment, (short) selector);
        kvm_segment.type(segment, (byte) type);
        kvm_segment.present(segment, (byte) 1);
        kvm_segment.dpl(segment, (byte) 3);
        kvm_segment.db(segment, (byte) (code ? 0 : 1));
        kvm_segment.s(segment, (byte) 1);
        kvm_segment.l(segment, (byte) (code ? 1 : 0));
        kvm_segment.g(segment, (byte) 1);
        kvm_segment.avl(segment, (byte) 0);
        kvm_segment.unusable(segment, (byte) 0);
    }

    /** Closes the VM; the memory is its owner's. */
    @Override
    public void close() {
        vcpus.forEach(Vcpu::close);
        vm.close();
        kvm.close();
    }
}
