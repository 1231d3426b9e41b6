package dev.godwit.host.kvm;

import dev.godwit.bindings.kvm.KvmIoctl;
import dev.godwit.bindings.kvm.gen.kvm_enable_cap;
import dev.godwit.bindings.kvm.gen.kvm_irq_level;
import dev.godwit.bindings.kvm.gen.kvm_pit_config;
import dev.godwit.bindings.kvm.gen.kvm_userspace_memory_region;
import dev.godwit.bindings.linux.Ioctl;
import dev.godwit.bindings.linux.SystemCallException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A virtual machine's descriptor.
 *
 * <p>Threading: any thread, until {@link #close}, after which calls throw {@link IllegalStateException}; the kernel
 * serialises. Owners close vCPUs first.
 */
public final class Vm implements AutoCloseable {
    private final Kvm kvm;
    private final Descriptor fd;

    Vm(Kvm kvm, int fd) {
        this.kvm = kvm;
        this.fd = new Descriptor("the VM", fd);
    }

    /** {@code KVM_CHECK_EXTENSION} on this VM; 0 when absent. */
    public int extension(int capability) {
        return (int) SystemCallException.check(
                Ioctl.ioctl(fd.number(), KvmIoctl.KVM_CHECK_EXTENSION, capability),
                "KVM_CHECK_EXTENSION",
                "capability",
                capability);
    }

    /** {@code KVM_ENABLE_CAP} with one argument. */
    public void enable(int capability, long argument) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment cap = kvm_enable_cap.allocate(arena);
            kvm_enable_cap.cap(cap, capability);
            kvm_enable_cap.args(cap, 0, argument);
            SystemCallException.check(
                    Ioctl.ioctl(fd.number(), KvmIoctl.KVM_ENABLE_CAP, cap.address()),
                    "KVM_ENABLE_CAP",
                    "capability",
                    capability,
                    "argument",
                    argument);
        }
    }

    /**
     * {@code KVM_SET_USER_MEMORY_REGION}.
     *
     * @param slot the memory slot
     * @param flags {@code KVM_MEM_LOG_DIRTY_PAGES} or 0
     * @param gpa guest-physical start, page-aligned
     * @param bytes size, page-aligned; 0 removes the slot
     * @param hva host virtual start, page-aligned
     */
    public void setMemoryRegion(int slot, int flags, long gpa, long bytes, long hva) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment region = kvm_userspace_memory_region.allocate(arena);
            kvm_userspace_memory_region.slot(region, slot);
            kvm_userspace_memory_region.flags(region, flags);
            kvm_userspace_memory_region.guest_phys_addr(region, gpa);
            kvm_userspace_memory_region.memory_size(region, bytes);
            kvm_userspace_memory_region.userspace_addr(region, hva);
            SystemCallException.check(
                    Ioctl.ioctl(fd.number(), KvmIoctl.KVM_SET_USER_MEMORY_REGION, region.address()),
                    "KVM_SET_USER_MEMORY_REGION",
                    "slot",
                    slot,
                    "bytes",
                    bytes);
        }
    }

    /** {@code KVM_SET_TSS_ADDR} and {@code KVM_SET_IDENTITY_MAP_ADDR}: what Intel CPUs need for real mode. */
    public void reserveRealModeArea(long tssAddress, long identityMapAddress) {
        SystemCallException.check(Ioctl.ioctl(fd.number(), KvmIoctl.KVM_SET_TSS_ADDR, tssAddress), "KVM_SET_TSS_ADDR");
        setLong(KvmIoctl.KVM_SET_IDENTITY_MAP_ADDR, "KVM_SET_IDENTITY_MAP_ADDR", identityMapAddress);
    }

    private void setLong(long request, String name, long value) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment cell = arena.allocate(8, 8);
            cell.set(java.lang.foreign.ValueLayout.JAVA_LONG, 0, value);
            SystemCallException.check(Ioctl.ioctl(fd.number(), request, cell.address()), name, "value", value);
        }
    }

    /** {@code KVM_CREATE_IRQCHIP}: local APICs, I/O APIC and PIC in the kernel. Before any vCPU. */
    public void createIrqchip() {
        SystemCallException.check(Ioctl.ioctl(fd.number(), KvmIoctl.KVM_CREATE_IRQCHIP, 0), "KVM_CREATE_IRQCHIP");
    }

    /** {@code KVM_CREATE_PIT2}: the 8254 timer in the kernel, with its speaker port dummy. */
    public void createPit() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment config = kvm_pit_config.allocate(arena);
            kvm_pit_config.flags(config, 1);
            SystemCallException.check(
                    Ioctl.ioctl(fd.number(), KvmIoctl.KVM_CREATE_PIT2, config.address()), "KVM_CREATE_PIT2");
        }
    }

    /** {@code KVM_IRQ_LINE}: raises or lowers an interrupt line of the in-kernel chips. */
    public void setIrqLine(int line, boolean level) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment irq = kvm_irq_level.allocate(arena);
            kvm_irq_level.irq(irq, line);
            kvm_irq_level.level(irq, level ? 1 : 0);
            SystemCallException.check(
                    Ioctl.ioctl(fd.number(), KvmIoctl.KVM_IRQ_LINE, irq.address()), "KVM_IRQ_LINE", "line", line);
        }
    }

    /** {@code KVM_CREATE_VCPU}. */
    public Vcpu createVcpu(int id) {
        int mmapSize = kvm.vcpuMmapSize();
        int vcpu = (int) SystemCallException.check(
                Ioctl.ioctl(fd.number(), KvmIoctl.KVM_CREATE_VCPU, id), "KVM_CREATE_VCPU", "vcpu", id);
        return new Vcpu(id, vcpu, mmapSize);
    }

    /** {@code KVM_RESET_DIRTY_RINGS}: write-protects the harvested pages again; returns how many. */
    public long resetDirtyRings() {
        return SystemCallException.check(
                Ioctl.ioctl(fd.number(), KvmIoctl.KVM_RESET_DIRTY_RINGS, 0), "KVM_RESET_DIRTY_RINGS");
    }

    /** One ioctl that reads or writes a state structure at {@code argument}; the result or {@code -errno}. */
    public long state(long request, MemorySegment argument) {
        return Ioctl.ioctl(fd.number(), request, argument.address());
    }

    /** An ioctl without argument; the result or {@code -errno}. */
    public long call(long request) {
        return Ioctl.ioctl(fd.number(), request, 0);
    }

    /** No effect the second time. */
    @Override
    public void close() {
        fd.close();
    }
}
