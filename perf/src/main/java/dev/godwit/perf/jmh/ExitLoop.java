package dev.godwit.perf.jmh;

import dev.godwit.bindings.kvm.KvmIoctl;
import dev.godwit.host.boot.PvhEntryState;
import dev.godwit.host.boot.PvhImage;
import dev.godwit.host.boot.PvhLoader;
import dev.godwit.host.device.BootMark;
import dev.godwit.host.device.ExitDevice;
import dev.godwit.host.device.PortBus;
import dev.godwit.host.device.PortDevice;
import dev.godwit.host.device.Serial16550;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.kvm.Vcpu;
import dev.godwit.host.kvm.VcpuExit;
import dev.godwit.host.kvm.Vm;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.memory.MemorySlots;

/**
 * A VM with the guest that measures its own exits, run by the caller's thread: {@link Vcpu#run} and the port bus, without
 * a machine around them. One thread.
 */
final class ExitLoop implements AutoCloseable {
    /** Guest RAM: two large pages, of which the guest uses one. */
    static final long MEMORY = 4L << 20;

    private static final long IDENTITY_MAP = 0xfeffc000L;
    private static final long TSS = 0xfeffd000L;

    private final GuestMemory memory;
    private final Vm vm;
    private final Vcpu vcpu;
    private final PortBus ports = new PortBus();
    private boolean ended;
    private long sent;
    private int sentBytes;

    ExitLoop(Kvm kvm, PvhImage image) {
        memory = GuestMemory.allocate(MEMORY, LargePages.THP);
        vm = kvm.createVm();
        new MemorySlots(vm, memory).install();
        vm.reserveRealModeArea(TSS, IDENTITY_MAP);
        vm.createIrqchip();
        vm.createPit();
        vcpu = vm.createVcpu(0);
        vcpu.setCpuId(kvm.supportedCpuId());
        PvhEntryState.apply(vcpu, image.entry(), PvhLoader.load(image, "", memory));
        ports.attach(BootMark.PORT, BootMark.LENGTH, new BootMark());
        ports.attach(Serial16550.PORT, Serial16550.LENGTH, new Out(this::take));
        ports.attach(ExitDevice.PORT, ExitDevice.LENGTH, new Out(value -> ended = true));
    }

    private record Out(java.util.function.IntConsumer taker) implements PortDevice {
        @Override
        public int read(int offset, int size) {
            return 0;
        }

        @Override
        public void write(int offset, int size, int value) {
            taker.accept(value);
        }
    }

    private void take(int value) {
        sent |= (long) value << (8 * sentBytes++);
    }

    /** Frequency of the guest's time stamp counter, in kHz. */
    long tscKhz() {
        return vcpu.call(KvmIoctl.KVM_GET_TSC_KHZ);
    }

    /** To the next exit and through it; returns whether the guest goes on. */
    boolean step() {
        return switch (vcpu.run()) {
            case VcpuExit.PortIo io
            when io.isOut() -> {
                ports.write(io.port(), io.size(), io.value(0));
                yield !ended;
            }
            case VcpuExit.Interrupted again -> true;
            case VcpuExit exit -> throw new IllegalStateException("unexpected exit " + exit);
        };
    }

    /** To the guest's end; returns the cycles it measured. */
    long runToEnd() {
        while (step()) {
            // All is done in there.
        }
        return sent;
    }

    @Override
    public void close() {
        vcpu.close();
        vm.close();
        memory.close();
    }
}
