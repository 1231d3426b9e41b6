package dev.godwit.perf.jmh;

import dev.godwit.bindings.kvm.KvmIoctl;
import dev.godwit.bindings.kvm.gen.kvm_h;
import dev.godwit.bindings.linux.ErrnoCapture;
import dev.godwit.bindings.linux.FileCalls;
import dev.godwit.bindings.linux.Ioctl;
import dev.godwit.bindings.linux.SystemCallException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** The cheapest ioctl, {@code KVM_CHECK_EXTENSION}: what a call through FFM costs. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class IoctlCall {
    private Arena arena;
    private MemorySegment errno;
    private int kvm;

    /** Opens the KVM device. */
    @Setup
    public void open() {
        arena = Arena.ofShared();
        errno = ErrnoCapture.allocate(arena);
        kvm = (int) SystemCallException.check(
                FileCalls.open("/dev/kvm", FileCalls.O_RDWR | FileCalls.O_CLOEXEC), "open of /dev/kvm");
    }

    /** With an errno segment of its own, as hot paths call. */
    @Benchmark
    public int ownErrno() {
        return Ioctl.ioctl(errno, kvm, KvmIoctl.KVM_CHECK_EXTENSION, kvm_h.KVM_CAP_USER_MEMORY());
    }

    /** With the thread's errno segment. */
    @Benchmark
    public int threadErrno() {
        return Ioctl.ioctl(kvm, KvmIoctl.KVM_CHECK_EXTENSION, kvm_h.KVM_CAP_USER_MEMORY());
    }

    /** Calls {@link #ownErrno} so often; returns the nanoseconds that took. */
    long nanosOf(long calls) {
        long from = System.nanoTime();
        long sum = 0;
        for (long i = 0; i < calls; i++) {
            sum += ownErrno();
        }
        long nanos = System.nanoTime() - from;
        if (sum != calls) {
            throw new IllegalStateException("KVM_CHECK_EXTENSION gave " + sum + " in " + calls + " calls");
        }
        return nanos;
    }

    /** Closes it. */
    @TearDown
    public void close() {
        FileCalls.close(kvm);
        arena.close();
    }
}
