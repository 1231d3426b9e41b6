package dev.godwit.host.vcpu;

import dev.godwit.host.kvm.VcpuExit;

/** Serves a vCPU's exits, on that vCPU's thread, without allocating on the paths of I/O. */
@FunctionalInterface
public interface ExitHandler {
    /**
     * Serves one exit.
     *
     * @return null to run on, or why this vCPU runs no further
     */
    StopReason handle(VcpuExit exit);
}
