package dev.godwit.host.kvm;

import dev.godwit.bindings.kvm.KvmIoctl;
import dev.godwit.bindings.kvm.gen.kvm_msr_list;
import dev.godwit.bindings.linux.Errno;
import dev.godwit.bindings.linux.FileCalls;
import dev.godwit.bindings.linux.Ioctl;
import dev.godwit.bindings.linux.SystemCallException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;

/**
 * The KVM device, {@code /dev/kvm}.
 *
 * <p>Threading: all calls are safe from any thread until {@link #close}; after it they throw
 * {@link IllegalStateException}.
 */
public final class Kvm implements AutoCloseable {
    /** Where KVM is found. */
    public static final Path DEVICE = Path.of("/dev/kvm");

    private static final int API_VERSION = 12;

    private final Descriptor fd;
    private volatile CpuId supportedCpuId;

    private Kvm(int fd) {
        this.fd = new Descriptor("/dev/kvm", fd);
    }

    /**
     * Opens {@code /dev/kvm} read-write.
     *
     * @throws KvmUnavailableException when it is absent, forbidden or not KVM's stable API
     */
    public static Kvm open() {
        return open(DEVICE);
    }

    static Kvm open(Path device) {
        int fd = FileCalls.open(device.toString(), FileCalls.O_RDWR | FileCalls.O_CLOEXEC);
        if (fd < 0) {
            throw new KvmUnavailableException(reason(device, -fd));
        }
        long version = Ioctl.ioctl(fd, KvmIoctl.KVM_GET_API_VERSION, 0);
        if (version != API_VERSION) {
            FileCalls.close(fd);
            throw new KvmUnavailableException(device
                    + (version < 0
                            ? " is not the KVM device (" + Errno.name((int) -version) + " on KVM_GET_API_VERSION)"
                            : " speaks KVM API version " + version + "; version " + API_VERSION + " is needed"));
        }
        return new Kvm(fd);
    }

    private static String reason(Path device, int errno) {
        if (errno == Errno.ENOENT || errno == Errno.ENODEV || errno == Errno.ENXIO) {
            return device
                    + " is not there: load kvm-intel or kvm-amd (modprobe), enable virtualization in the firmware,"
                    + " or, in a container, pass --device /dev/kvm";
        }
        if (errno == Errno.EACCES || errno == Errno.EPERM) {
            return "no permission to open " + device
                    + " read-write: join the group that owns it (usermod -aG kvm $USER, then log in again) or run as"
                    + " root";
        }
        return "cannot open " + device + ": " + Errno.description(errno);
    }

    /** {@code KVM_CHECK_EXTENSION}: 0 when the host lacks it, else the capability's own positive answer. */
    public int extension(int capability) {
        return (int) SystemCallException.check(
                Ioctl.ioctl(fd.number(), KvmIoctl.KVM_CHECK_EXTENSION, capability),
                "KVM_CHECK_EXTENSION",
                "capability",
                capability);
    }

    /** {@code KVM_CREATE_VM}. */
    public Vm createVm() {
        long vm;
        do {
            vm = Ioctl.ioctl(fd.number(), KvmIoctl.KVM_CREATE_VM, 0);
            // The kernel gives up early when a signal is pending; asking again is all there is to it.
        } while (vm == -Errno.EINTR);
        return new Vm(this, (int) SystemCallException.check(vm, "KVM_CREATE_VM"));
    }

    /** Bytes to map for a vCPU's {@code kvm_run} page and what follows it. */
    int vcpuMmapSize() {
        return (int) SystemCallException.check(
                Ioctl.ioctl(fd.number(), KvmIoctl.KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
    }

    /**
     * The CPU features KVM can give a guest on this host ({@code KVM_GET_SUPPORTED_CPUID}); asked once, as it takes KVM
     * about half a millisecond to find out.
     */
    public CpuId supportedCpuId() {
        CpuId known = supportedCpuId;
        if (known == null) {
            known = askSupportedCpuId();
            supportedCpuId = known;
        }
        return known;
    }

    private CpuId askSupportedCpuId() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment list = CpuId.allocate(arena, CpuId.MAX_ENTRIES);
            SystemCallException.check(
                    Ioctl.ioctl(fd.number(), KvmIoctl.KVM_GET_SUPPORTED_CPUID, list.address()),
                    "KVM_GET_SUPPORTED_CPUID");
            return CpuId.read(list);
        }
    }

    /** The model-specific registers that KVM says hold guest state ({@code KVM_GET_MSR_INDEX_LIST}). */
    public int[] stateMsrs() {
        try (Arena arena = Arena.ofConfined()) {
            int capacity = 4096;
            MemorySegment list = arena.allocate(kvm_msr_list.sizeof() + capacity * 4L, 8);
            kvm_msr_list.nmsrs(list, capacity);
            SystemCallException.check(
                    Ioctl.ioctl(fd.number(), KvmIoctl.KVM_GET_MSR_INDEX_LIST, list.address()),
                    "KVM_GET_MSR_INDEX_LIST");
            return list.asSlice(kvm_msr_list.sizeof(), kvm_msr_list.nmsrs(list) * 4L)
                    .toArray(ValueLayout.JAVA_INT);
        }
    }

    /** No effect the second time. */
    @Override
    public void close() {
        fd.close();
    }
}
