package dev.godwit.host.machine;

import dev.godwit.bindings.kvm.KvmIoctl;
import dev.godwit.bindings.linux.SystemCallException;
import dev.godwit.host.device.BootMark;
import dev.godwit.host.device.DeviceConfigException;
import dev.godwit.host.device.ExitDevice;
import dev.godwit.host.device.MmioBus;
import dev.godwit.host.device.MmioSlot;
import dev.godwit.host.device.PortBus;
import dev.godwit.host.device.ResetDevice;
import dev.godwit.host.device.Serial16550;
import dev.godwit.host.device.SerialLog;
import dev.godwit.host.device.Stateful;
import dev.godwit.host.device.VirtioBlock;
import dev.godwit.host.device.VirtioMmio;
import dev.godwit.host.kvm.CpuId;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.kvm.Vcpu;
import dev.godwit.host.kvm.Vm;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.GuestMemoryException;
import dev.godwit.host.memory.MemorySlots;
import dev.godwit.host.thread.Urgency;
import dev.godwit.host.tracking.DirtyLogTracker;
import dev.godwit.host.tracking.DirtyRingTracker;
import dev.godwit.host.tracking.DirtyTracker;
import dev.godwit.host.tracking.DirtyTracking;
import dev.godwit.host.vcpu.StopReason;
import dev.godwit.host.vcpu.VcpuThread;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;

/** What a machine is put together from, and in which order; given back in the opposite one. */
final class Parts {
    // In the device hole, where no RAM and no device of ours is; QEMU's choice too.
    private static final long IDENTITY_MAP = 0xfeffc000L;
    private static final long TSS = 0xfeffd000L;

    private final MachineConfig config;
    private final CleanUp cleanUp = new CleanUp();
    private final PortBus ports = new PortBus();
    private final MmioBus mmio = new MmioBus();
    private final GuestEnd end = new GuestEnd();
    private final BootMark bootMark = new BootMark();
    private final SerialLog serialLog = new SerialLog();
    private final List<Vcpu> vcpus = new ArrayList<>();
    private final List<Stateful> devices = new ArrayList<>();
    private final List<MmioSlot> slotsUsed = new ArrayList<>();
    private Vm vm;
    private StateKeeper stateKeeper;
    private GuestMemory memory;
    private MemorySlots slots;
    private Serial16550 serial;
    private DirtyTracker dirtyTracker;
    private long ringBytes;
    private Runnable dirtyRingFull = () -> {};

    private Parts(MachineConfig config) {
        this.config = config;
    }

    static Parts assemble(Kvm kvm, MachineConfig config) {
        Parts parts = new Parts(config);
        // A few milliseconds, if it need not wait its turn behind other guests after each system call that waits.
        try (Urgency _ = Urgency.begin()) {
            parts.build(kvm);
            return parts;
        } catch (SystemCallException | GuestMemoryException e) {
            parts.close();
            throw new MachineConfigException("this host cannot build the machine: " + e.getMessage(), e);
        } catch (DeviceConfigException e) {
            parts.close();
            throw new MachineConfigException(e.getMessage());
        } catch (RuntimeException | Error e) {
            parts.close();
            throw e;
        }
    }

    private void build(Kvm kvm) {
        CpuId cpuId = kvm.supportedCpuId();
        memory = cleanUp.add(GuestMemory.allocate(config.memoryBytes(), config.largePages()));
        vm = cleanUp.add(kvm.createVm());
        // Memory first: a slot set later waits for the RCU readers that the interrupt chips bring with them.
        slots = new MemorySlots(vm, memory);
        slots.install();
        vm.reserveRealModeArea(TSS, IDENTITY_MAP);
        vm.createIrqchip();
        vm.createPit();
        if (config.dirtyTracking() == DirtyTracking.RING) {
            ringBytes = DirtyRingTracker.enable(vm, DirtyRingTracker.DEFAULT_BYTES);
            if (ringBytes == 0) {
                throw new MachineConfigException("this host's KVM has no dirty ring; use the dirty log");
            }
        }
        for (int id = 0; id < config.cpus(); id++) {
            Vcpu vcpu = cleanUp.add(vm.createVcpu(id));
            int tscKhz = Math.toIntExact(Math.max(0, vcpu.call(KvmIoctl.KVM_GET_TSC_KHZ)));
            vcpu.setCpuId(GuestCpuId.forVcpu(cpuId, id, config.cpus(), tscKhz));
            vcpus.add(vcpu);
        }
        dirtyTracker = tracker();
        attachDevices();
        attachDisks();
        stateKeeper = new StateKeeper(kvm, vm, vcpus, devices);
    }

    private DirtyTracker tracker() {
        return switch (config.dirtyTracking()) {
            case LOG -> new DirtyLogTracker(vm, slots, memory);
            case RING -> {
                DirtyRingTracker ring = new DirtyRingTracker(vm, slots, memory, vcpus, ringBytes);
                // With a signal pending, newer kernels end KVM_RESET_DIRTY_RINGS early: the ring stays full, and pages
                // whose entries were already taken may be left unprotected.
                dirtyRingFull = () -> VcpuThread.undisturbed(ring::onRingFull);
                yield ring;
            }
        };
    }

    private void attachDevices() {
        serial = new Serial16550(serialLog, level -> vm.setIrqLine(Serial16550.IRQ, level));
        ports.attach(Serial16550.PORT, Serial16550.LENGTH, serial);
        ports.attach(ExitDevice.PORT, ExitDevice.LENGTH, new ExitDevice(end));
        ports.attach(BootMark.PORT, BootMark.LENGTH, bootMark);
        ResetDevice reset = new ResetDevice(end);
        ports.attach(ResetDevice.PORT, ResetDevice.LENGTH, reset);
        devices.addAll(List.of(serial, serialLog, reset));
    }

    private void attachDisks() {
        for (MachineConfig.Disk disk : config.disks()) {
            MmioSlot slot = new MmioSlot(slotsUsed.size());
            VirtioBlock block = cleanUp.add(VirtioBlock.open(disk.file(), disk.readOnly()));
            VirtioMmio transport = new VirtioMmio(slot, block, memory, level -> vm.setIrqLine(slot.irq(), level));
            mmio.attach(slot.base(), MmioSlot.SIZE, transport);
            slotsUsed.add(slot);
            devices.add(transport);
        }
    }

    /** Starts a thread for each vCPU, PAUSED; all of them or none. */
    List<VcpuThread> startThreads(BiConsumer<VcpuThread, StopReason> onStop) {
        BusExits exits = new BusExits(ports, mmio, dirtyRingFull, end);
        List<VcpuThread> threads = new ArrayList<>();
        try {
            for (Vcpu vcpu : vcpus) {
                threads.add(new VcpuThread(vcpu, "vcpu-" + vcpu.id(), exits, onStop));
            }
            return List.copyOf(threads);
        } catch (RuntimeException | Error e) {
            threads.forEach(VcpuThread::requestStop);
            threads.forEach(VcpuThread::join);
            if (e instanceof OutOfMemoryError) {
                // So the JVM says that the system has no thread for it.
                throw new MachineConfigException("this host cannot start the machine's threads: " + e.getMessage());
            }
            throw e;
        }
    }

    /** The configured command line and what the devices add to it. */
    String commandLine() {
        StringBuilder text = new StringBuilder(config.commandLine());
        for (MmioSlot slot : slotsUsed) {
            text.append(text.isEmpty() ? "" : " ").append(slot.parameter());
        }
        return text.toString();
    }

    /** The CPU that the guest sees, by its first vCPU. */
    CpuId guestCpu() {
        return vcpus.getFirst().cpuId();
    }

    StateKeeper stateKeeper() {
        return stateKeeper;
    }

    List<Vcpu> vcpus() {
        return vcpus;
    }

    GuestMemory memory() {
        return memory;
    }

    MemorySlots slots() {
        return slots;
    }

    SerialLog serialLog() {
        return serialLog;
    }

    Serial16550 serial() {
        return serial;
    }

    BootMark bootMark() {
        return bootMark;
    }

    DirtyTracker dirtyTracker() {
        return dirtyTracker;
    }

    void close() {
        cleanUp.close();
    }
}
