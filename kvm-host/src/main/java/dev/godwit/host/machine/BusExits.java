package dev.godwit.host.machine;

import dev.godwit.host.device.MmioBus;
import dev.godwit.host.device.PortBus;
import dev.godwit.host.kvm.VcpuExit;
import dev.godwit.host.vcpu.ExitHandler;
import dev.godwit.host.vcpu.StopReason;
import dev.godwit.host.vcpu.StopReason.Kind;

/** Serves exits from the machine's buses; everything else ends the guest with a reason. Allocates nothing for I/O. */
final class BusExits implements ExitHandler {
    private static final int EVENT_SHUTDOWN = 1;
    private static final int EVENT_RESET = 2;

    private final PortBus ports;
    private final MmioBus mmio;
    private final Runnable dirtyRingFull;
    private final GuestEnd end;

    BusExits(PortBus ports, MmioBus mmio, Runnable dirtyRingFull, GuestEnd end) {
        this.ports = ports;
        this.mmio = mmio;
        this.dirtyRingFull = dirtyRingFull;
        this.end = end;
    }

    @Override
    public StopReason handle(VcpuExit exit) {
        return switch (exit) {
            case VcpuExit.PortIo io -> serve(io);
            case VcpuExit.Mmio access -> serve(access);
            case VcpuExit.Interrupted ignored -> null;
            case VcpuExit.DirtyRingFull ignored -> {
                dirtyRingFull.run();
                yield null;
            }
            case VcpuExit.Halted ignored -> new StopReason(Kind.SHUTDOWN, 0, "the guest halted");
            case VcpuExit.Shutdown ignored -> new StopReason(Kind.TRIPLE_FAULT, 0, "");
            case VcpuExit.SystemEvent event -> systemEvent(event.type());
            case VcpuExit.EntryFailed failed ->
                error("the hardware refused the guest's state (reason 0x" + Long.toHexString(failed.reason()) + ")");
            case VcpuExit.KvmFailure internal ->
                error(
                        internal.subError() == 1
                                ? "the guest ran an instruction that this host's KVM cannot emulate"
                                : "internal error of KVM, sub-error " + internal.subError());
            case VcpuExit.Unsupported unsupported -> error("exit reason " + unsupported.reason() + " is not served");
        };
    }

    private StopReason serve(VcpuExit.PortIo io) {
        int port = io.port();
        int size = io.size();
        int count = io.count();
        if (io.isOut()) {
            for (int i = 0; i < count; i++) {
                ports.write(port, size, io.value(i));
            }
            return end.reason();
        }
        for (int i = 0; i < count; i++) {
            io.setValue(i, ports.read(port, size));
        }
        return null;
    }

    private StopReason serve(VcpuExit.Mmio access) {
        if (access.isWrite()) {
            mmio.write(access.address(), access.size(), access.value());
        } else {
            access.setValue(mmio.read(access.address(), access.size()));
        }
        return null;
    }

    private static StopReason systemEvent(int type) {
        return switch (type) {
            case EVENT_SHUTDOWN -> new StopReason(Kind.SHUTDOWN, 0, "");
            case EVENT_RESET -> new StopReason(Kind.RESET, 0, "");
            default -> error("system event " + type);
        };
    }

    private static StopReason error(String detail) {
        return new StopReason(Kind.KVM_ERROR, 0, detail);
    }
}
