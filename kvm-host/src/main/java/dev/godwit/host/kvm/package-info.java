/**
 * One type per KVM file descriptor, each made by the one before: {@link dev.godwit.host.kvm.Kvm} →
 * {@link dev.godwit.host.kvm.Vm} → {@link dev.godwit.host.kvm.Vcpu}. They know no policy: a call here is one ioctl.
 *
 * <p>Source of the semantics: the kernel's {@code Documentation/virt/kvm/api.rst}.
 */
package dev.godwit.host.kvm;
