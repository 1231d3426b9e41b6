package dev.godwit.host.kvm;

import dev.godwit.bindings.kvm.KvmIoctl;
import dev.godwit.bindings.kvm.gen.kvm_h;
import dev.godwit.bindings.kvm.gen.kvm_run;
import dev.godwit.bindings.linux.Errno;
import dev.godwit.bindings.linux.ErrnoCapture;
import dev.godwit.bindings.linux.Ioctl;
import dev.godwit.bindings.linux.MemoryCalls;
import dev.godwit.bindings.linux.SystemCallException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;

/**
 * A virtual CPU's descriptor and its {@code kvm_run} page.
 *
 * <p>Threading: {@link #run} and the state calls from one thread, the vCPU's own; {@link #requestExit} from any.
 */
public final class Vcpu implements AutoCloseable {
    private static final VarHandle IMMEDIATE_EXIT = ValueLayout.JAVA_BYTE.varHandle();

    private final int id;
    private final Descriptor fd;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment run;
    private final MemorySegment errno;
    private final VcpuExit[] exits;
    private final VcpuExit.Interrupted interrupted = new VcpuExit.Interrupted();

    /** Takes over the descriptor, also when this fails. */
    Vcpu(int id, int fd, int mmapSize) {
        this.id = id;
        this.fd = new Descriptor("vCPU " + id, fd);
        try {
            this.run = map(mmapSize, 0, "mmap of kvm_run");
            this.errno = ErrnoCapture.allocate(arena);
            this.exits = VcpuExit.views(run);
        } catch (RuntimeException | Error e) {
            close();
            throw e;
        }
    }

    public int id() {
        return id;
    }

    /**
     * Runs the guest until it needs the host ({@code KVM_RUN}).
     *
     * @return why it stopped: a view that is valid until the next call; allocated once, never here
     * @throws SystemCallException when KVM itself refuses
     */
    public VcpuExit run() {
        long result = Ioctl.ioctl(errno, fd.number(), KvmIoctl.KVM_RUN, 0);
        if (result < 0) {
            if (result == -Errno.EINTR || result == -Errno.EAGAIN) {
                return interrupted;
            }
            SystemCallException.check(result, "KVM_RUN", "vcpu", id);
        }
        int reason = kvm_run.exit_reason(run);
        return reason >= 0 && reason < exits.length ? exits[reason] : exits[kvm_h.KVM_EXIT_UNKNOWN()];
    }

    /**
     * Makes the current or next {@link #run} return {@link VcpuExit.Interrupted} once pending I/O is complete; stays in
     * force until {@link #clearExitRequest}. A vCPU that is in the guest also needs a signal to its thread.
     */
    public void requestExit() {
        IMMEDIATE_EXIT.setVolatile(run, kvm_run.immediate_exit$offset(), (byte) 1);
    }

    public void clearExitRequest() {
        IMMEDIATE_EXIT.setVolatile(run, kvm_run.immediate_exit$offset(), (byte) 0);
    }

    /** Gives the vCPU its CPU features ({@code KVM_SET_CPUID2}); before it first runs. */
    public void setCpuId(CpuId cpuId) {
        try (Arena temporary = Arena.ofConfined()) {
            MemorySegment list = cpuId.write(temporary);
            SystemCallException.check(
                    Ioctl.ioctl(fd.number(), KvmIoctl.KVM_SET_CPUID2, list.address()), "KVM_SET_CPUID2", "vcpu", id);
        }
    }

    /** The CPU features it has ({@code KVM_GET_CPUID2}); waits while it runs. */
    public CpuId cpuId() {
        try (Arena temporary = Arena.ofConfined()) {
            MemorySegment list = CpuId.allocate(temporary, CpuId.MAX_ENTRIES);
            SystemCallException.check(
                    Ioctl.ioctl(fd.number(), KvmIoctl.KVM_GET_CPUID2, list.address()), "KVM_GET_CPUID2", "vcpu", id);
            return CpuId.read(list);
        }
    }

    /** One ioctl that reads or writes a state structure at {@code argument}; the result or {@code -errno}. */
    public long state(long request, MemorySegment argument) {
        return Ioctl.ioctl(fd.number(), request, argument.address());
    }

    /** An ioctl without argument; the result or {@code -errno}. */
    public long call(long request) {
        return Ioctl.ioctl(fd.number(), request, 0);
    }

    /**
     * Maps this vCPU's dirty ring.
     *
     * @param bytes the size that was enabled
     * @return the ring, freed with the vCPU
     */
    public MemorySegment mapDirtyRing(long bytes) {
        return map(bytes, kvm_h.KVM_DIRTY_LOG_PAGE_OFFSET() * 4096L, "mmap of the dirty ring");
    }

    /** Maps a part of the descriptor; it lives, and is unmapped, with this vCPU. */
    @SuppressWarnings("restricted") // the kernel mapped exactly these bytes
    private MemorySegment map(long bytes, long offset, String operation) {
        int protection = MemoryCalls.PROT_READ | MemoryCalls.PROT_WRITE;
        long address = SystemCallException.check(
                MemoryCalls.mmap(0, bytes, protection, MemoryCalls.MAP_SHARED, fd.number(), offset),
                operation,
                "vcpu",
                id,
                "bytes",
                bytes);
        return MemorySegment.ofAddress(address)
                .reinterpret(bytes, arena, mapping -> MemoryCalls.munmap(address, bytes));
    }

    /** No effect the second time. Not while {@link #run} is under way. */
    @Override
    public void close() {
        try {
            if (arena.scope().isAlive()) {
                arena.close();
            }
        } finally {
            fd.close();
        }
    }
}
