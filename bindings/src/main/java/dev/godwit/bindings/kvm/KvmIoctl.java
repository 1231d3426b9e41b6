package dev.godwit.bindings.kvm;

import static dev.godwit.bindings.linux.IoctlNumber.io;
import static dev.godwit.bindings.linux.IoctlNumber.ior;
import static dev.godwit.bindings.linux.IoctlNumber.iow;
import static dev.godwit.bindings.linux.IoctlNumber.iowr;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.godwit.bindings.kvm.gen.kvm_clear_dirty_log;
import dev.godwit.bindings.kvm.gen.kvm_clock_data;
import dev.godwit.bindings.kvm.gen.kvm_coalesced_mmio_zone;
import dev.godwit.bindings.kvm.gen.kvm_cpuid2;
import dev.godwit.bindings.kvm.gen.kvm_create_device;
import dev.godwit.bindings.kvm.gen.kvm_create_guest_memfd;
import dev.godwit.bindings.kvm.gen.kvm_debugregs;
import dev.godwit.bindings.kvm.gen.kvm_device_attr;
import dev.godwit.bindings.kvm.gen.kvm_dirty_log;
import dev.godwit.bindings.kvm.gen.kvm_enable_cap;
import dev.godwit.bindings.kvm.gen.kvm_fpu;
import dev.godwit.bindings.kvm.gen.kvm_guest_debug;
import dev.godwit.bindings.kvm.gen.kvm_interrupt;
import dev.godwit.bindings.kvm.gen.kvm_ioeventfd;
import dev.godwit.bindings.kvm.gen.kvm_irq_level;
import dev.godwit.bindings.kvm.gen.kvm_irq_routing;
import dev.godwit.bindings.kvm.gen.kvm_irqchip;
import dev.godwit.bindings.kvm.gen.kvm_irqfd;
import dev.godwit.bindings.kvm.gen.kvm_lapic_state;
import dev.godwit.bindings.kvm.gen.kvm_memory_attributes;
import dev.godwit.bindings.kvm.gen.kvm_mp_state;
import dev.godwit.bindings.kvm.gen.kvm_msi;
import dev.godwit.bindings.kvm.gen.kvm_msr_filter;
import dev.godwit.bindings.kvm.gen.kvm_msr_list;
import dev.godwit.bindings.kvm.gen.kvm_msrs;
import dev.godwit.bindings.kvm.gen.kvm_pit_config;
import dev.godwit.bindings.kvm.gen.kvm_pit_state2;
import dev.godwit.bindings.kvm.gen.kvm_pre_fault_memory;
import dev.godwit.bindings.kvm.gen.kvm_regs;
import dev.godwit.bindings.kvm.gen.kvm_signal_mask;
import dev.godwit.bindings.kvm.gen.kvm_sregs;
import dev.godwit.bindings.kvm.gen.kvm_sregs2;
import dev.godwit.bindings.kvm.gen.kvm_tpr_access_ctl;
import dev.godwit.bindings.kvm.gen.kvm_translation;
import dev.godwit.bindings.kvm.gen.kvm_userspace_memory_region;
import dev.godwit.bindings.kvm.gen.kvm_userspace_memory_region2;
import dev.godwit.bindings.kvm.gen.kvm_vapic_addr;
import dev.godwit.bindings.kvm.gen.kvm_vcpu_events;
import dev.godwit.bindings.kvm.gen.kvm_x86_mce;
import dev.godwit.bindings.kvm.gen.kvm_xcrs;
import dev.godwit.bindings.kvm.gen.kvm_xsave;

/**
 * The requests of KVM's descriptors, for {@link dev.godwit.bindings.linux.Ioctl}.
 *
 * <p>Each number holds the size of the structure that it takes, which comes from the generated layout.
 *
 * <p>Source: {@code include/uapi/linux/kvm.h}; {@code Documentation/virt/kvm/api.rst} says what each does.
 */
public final class KvmIoctl {
    private static final int KVMIO = 0xAE;

    // of /dev/kvm

    public static final long KVM_GET_API_VERSION = io(KVMIO, 0x00);
    public static final long KVM_CREATE_VM = io(KVMIO, 0x01);
    public static final long KVM_GET_MSR_INDEX_LIST = iowr(KVMIO, 0x02, kvm_msr_list.layout());
    public static final long KVM_CHECK_EXTENSION = io(KVMIO, 0x03);
    public static final long KVM_GET_VCPU_MMAP_SIZE = io(KVMIO, 0x04);
    public static final long KVM_GET_SUPPORTED_CPUID = iowr(KVMIO, 0x05, kvm_cpuid2.layout());
    public static final long KVM_GET_EMULATED_CPUID = iowr(KVMIO, 0x09, kvm_cpuid2.layout());
    public static final long KVM_GET_MSR_FEATURE_INDEX_LIST = iowr(KVMIO, 0x0a, kvm_msr_list.layout());

    // of a VM (CREATE_DEVICE and the attribute requests also of devices and vCPUs)

    public static final long KVM_CREATE_VCPU = io(KVMIO, 0x41);
    public static final long KVM_GET_DIRTY_LOG = iow(KVMIO, 0x42, kvm_dirty_log.layout());
    public static final long KVM_SET_USER_MEMORY_REGION = iow(KVMIO, 0x46, kvm_userspace_memory_region.layout());
    public static final long KVM_SET_USER_MEMORY_REGION2 = iow(KVMIO, 0x49, kvm_userspace_memory_region2.layout());
    public static final long KVM_SET_TSS_ADDR = io(KVMIO, 0x47);
    public static final long KVM_SET_IDENTITY_MAP_ADDR = iow(KVMIO, 0x48, JAVA_LONG);
    public static final long KVM_CREATE_IRQCHIP = io(KVMIO, 0x60);
    public static final long KVM_IRQ_LINE = iow(KVMIO, 0x61, kvm_irq_level.layout());
    public static final long KVM_IRQ_LINE_STATUS = iowr(KVMIO, 0x67, kvm_irq_level.layout());
    public static final long KVM_GET_IRQCHIP = iowr(KVMIO, 0x62, kvm_irqchip.layout());
    public static final long KVM_SET_IRQCHIP = ior(KVMIO, 0x63, kvm_irqchip.layout());
    public static final long KVM_CREATE_PIT2 = iow(KVMIO, 0x77, kvm_pit_config.layout());
    public static final long KVM_GET_PIT2 = ior(KVMIO, 0x9f, kvm_pit_state2.layout());
    public static final long KVM_SET_PIT2 = iow(KVMIO, 0xa0, kvm_pit_state2.layout());
    public static final long KVM_SET_GSI_ROUTING = iow(KVMIO, 0x6a, kvm_irq_routing.layout());
    public static final long KVM_REINJECT_CONTROL = io(KVMIO, 0x71);
    public static final long KVM_IRQFD = iow(KVMIO, 0x76, kvm_irqfd.layout());
    public static final long KVM_IOEVENTFD = iow(KVMIO, 0x79, kvm_ioeventfd.layout());
    public static final long KVM_SET_CLOCK = iow(KVMIO, 0x7b, kvm_clock_data.layout());
    public static final long KVM_GET_CLOCK = ior(KVMIO, 0x7c, kvm_clock_data.layout());
    public static final long KVM_SET_BOOT_CPU_ID = io(KVMIO, 0x78);
    public static final long KVM_SIGNAL_MSI = iow(KVMIO, 0xa5, kvm_msi.layout());
    public static final long KVM_REGISTER_COALESCED_MMIO = iow(KVMIO, 0x67, kvm_coalesced_mmio_zone.layout());
    public static final long KVM_UNREGISTER_COALESCED_MMIO = iow(KVMIO, 0x68, kvm_coalesced_mmio_zone.layout());
    public static final long KVM_SET_TSC_KHZ = io(KVMIO, 0xa2);
    public static final long KVM_GET_TSC_KHZ = io(KVMIO, 0xa3);
    public static final long KVM_ENABLE_CAP = iow(KVMIO, 0xa3, kvm_enable_cap.layout());
    public static final long KVM_CLEAR_DIRTY_LOG = iowr(KVMIO, 0xc0, kvm_clear_dirty_log.layout());
    public static final long KVM_RESET_DIRTY_RINGS = io(KVMIO, 0xc7);
    public static final long KVM_X86_SET_MSR_FILTER = iow(KVMIO, 0xc6, kvm_msr_filter.layout());
    public static final long KVM_SET_NR_MMU_PAGES = io(KVMIO, 0x44);
    public static final long KVM_GET_NR_MMU_PAGES = io(KVMIO, 0x45);
    public static final long KVM_CREATE_DEVICE = iowr(KVMIO, 0xe0, kvm_create_device.layout());
    public static final long KVM_SET_DEVICE_ATTR = iow(KVMIO, 0xe1, kvm_device_attr.layout());
    public static final long KVM_GET_DEVICE_ATTR = iow(KVMIO, 0xe2, kvm_device_attr.layout());
    public static final long KVM_HAS_DEVICE_ATTR = iow(KVMIO, 0xe3, kvm_device_attr.layout());
    public static final long KVM_GET_STATS_FD = io(KVMIO, 0xce);
    public static final long KVM_CREATE_GUEST_MEMFD = iowr(KVMIO, 0xd4, kvm_create_guest_memfd.layout());
    public static final long KVM_SET_MEMORY_ATTRIBUTES = iow(KVMIO, 0xd2, kvm_memory_attributes.layout());
    public static final long KVM_PRE_FAULT_MEMORY = iowr(KVMIO, 0xd5, kvm_pre_fault_memory.layout());

    // of a vCPU

    public static final long KVM_RUN = io(KVMIO, 0x80);
    public static final long KVM_GET_REGS = ior(KVMIO, 0x81, kvm_regs.layout());
    public static final long KVM_SET_REGS = iow(KVMIO, 0x82, kvm_regs.layout());
    public static final long KVM_GET_SREGS = ior(KVMIO, 0x83, kvm_sregs.layout());
    public static final long KVM_SET_SREGS = iow(KVMIO, 0x84, kvm_sregs.layout());
    public static final long KVM_GET_SREGS2 = ior(KVMIO, 0xcc, kvm_sregs2.layout());
    public static final long KVM_SET_SREGS2 = iow(KVMIO, 0xcd, kvm_sregs2.layout());
    public static final long KVM_TRANSLATE = iowr(KVMIO, 0x85, kvm_translation.layout());
    public static final long KVM_INTERRUPT = iow(KVMIO, 0x86, kvm_interrupt.layout());
    public static final long KVM_NMI = io(KVMIO, 0x9a);
    public static final long KVM_SMI = io(KVMIO, 0xb7);
    public static final long KVM_GET_MSRS = iowr(KVMIO, 0x88, kvm_msrs.layout());
    public static final long KVM_SET_MSRS = iow(KVMIO, 0x89, kvm_msrs.layout());
    public static final long KVM_SET_CPUID2 = iow(KVMIO, 0x90, kvm_cpuid2.layout());
    public static final long KVM_GET_CPUID2 = iowr(KVMIO, 0x91, kvm_cpuid2.layout());
    public static final long KVM_SET_SIGNAL_MASK = iow(KVMIO, 0x8b, kvm_signal_mask.layout());
    public static final long KVM_GET_FPU = ior(KVMIO, 0x8c, kvm_fpu.layout());
    public static final long KVM_SET_FPU = iow(KVMIO, 0x8d, kvm_fpu.layout());
    public static final long KVM_GET_LAPIC = ior(KVMIO, 0x8e, kvm_lapic_state.layout());
    public static final long KVM_SET_LAPIC = iow(KVMIO, 0x8f, kvm_lapic_state.layout());
    public static final long KVM_GET_MP_STATE = ior(KVMIO, 0x98, kvm_mp_state.layout());
    public static final long KVM_SET_MP_STATE = iow(KVMIO, 0x99, kvm_mp_state.layout());
    public static final long KVM_GET_VCPU_EVENTS = ior(KVMIO, 0x9f, kvm_vcpu_events.layout());
    public static final long KVM_SET_VCPU_EVENTS = iow(KVMIO, 0xa0, kvm_vcpu_events.layout());
    public static final long KVM_GET_DEBUGREGS = ior(KVMIO, 0xa1, kvm_debugregs.layout());
    public static final long KVM_SET_DEBUGREGS = iow(KVMIO, 0xa2, kvm_debugregs.layout());
    public static final long KVM_GET_XSAVE = ior(KVMIO, 0xa4, kvm_xsave.layout());
    public static final long KVM_SET_XSAVE = iow(KVMIO, 0xa5, kvm_xsave.layout());
    public static final long KVM_GET_XSAVE2 = ior(KVMIO, 0xcf, kvm_xsave.layout());
    public static final long KVM_GET_XCRS = ior(KVMIO, 0xa6, kvm_xcrs.layout());
    public static final long KVM_SET_XCRS = iow(KVMIO, 0xa7, kvm_xcrs.layout());
    public static final long KVM_SET_GUEST_DEBUG = iow(KVMIO, 0x9b, kvm_guest_debug.layout());
    public static final long KVM_KVMCLOCK_CTRL = io(KVMIO, 0xad);
    public static final long KVM_TPR_ACCESS_REPORTING = iowr(KVMIO, 0x92, kvm_tpr_access_ctl.layout());
    public static final long KVM_SET_VAPIC_ADDR = iow(KVMIO, 0x93, kvm_vapic_addr.layout());
    public static final long KVM_X86_SETUP_MCE = iow(KVMIO, 0x9c, JAVA_LONG);
    public static final long KVM_X86_GET_MCE_CAP_SUPPORTED = ior(KVMIO, 0x9d, JAVA_LONG);
    public static final long KVM_X86_SET_MCE = iow(KVMIO, 0x9e, kvm_x86_mce.layout());

    private KvmIoctl() {}
}
