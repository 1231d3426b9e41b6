package dev.godwit.perf.scenario;

import dev.godwit.bindings.kvm.KvmIoctl;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.kvm.Vcpu;
import dev.godwit.host.kvm.Vm;

/** The frequency of the time stamp counter that guests see here. */
public final class HostClock {
    private HostClock() {}

    /** In kHz; 0 where KVM does not say. */
    public static long tscKhz() {
        try (Kvm kvm = Kvm.open();
                Vm vm = kvm.createVm();
                Vcpu vcpu = vm.createVcpu(0)) {
            return Math.max(0, vcpu.call(KvmIoctl.KVM_GET_TSC_KHZ));
        }
    }
}
