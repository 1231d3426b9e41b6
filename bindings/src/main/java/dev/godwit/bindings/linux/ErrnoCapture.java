package dev.godwit.bindings.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;

/**
 * The few bytes into which a native call stores {@code errno} before the JVM can overwrite it.
 *
 * <p>A capture segment belongs to one thread at a time. A thread that makes many calls owns one
 * ({@link #allocate}) and passes it; calls without the parameter use {@link #ofThread()}, which costs a thread-local
 * look-up and never allocates after the thread's first call.
 *
 * <p>Source: {@code errno(3)}; {@link Linker.Option#captureCallState(String...)}.
 */
public final class ErrnoCapture {
    static final Linker.Option OPTION = Linker.Option.captureCallState("errno");

    private static final StructLayout LAYOUT = Linker.Option.captureStateLayout();
    private static final long OFFSET = LAYOUT.byteOffset(PathElement.groupElement("errno"));
    private static final ThreadLocal<MemorySegment> OF_THREAD = ThreadLocal.withInitial(() -> allocate(Arena.ofAuto()));

    private ErrnoCapture() {}

    /** A capture segment from {@code allocator}; it may be used as long as the allocator's memory lives. */
    public static MemorySegment allocate(SegmentAllocator allocator) {
        return allocator.allocate(LAYOUT);
    }

    /** The calling thread's own capture segment, freed after the thread has ended. */
    public static MemorySegment ofThread() {
        return OF_THREAD.get();
    }

    /** The error number that the last failed call left in {@code capture}, above 0. */
    public static int errno(MemorySegment capture) {
        return capture.get(ValueLayout.JAVA_INT, OFFSET);
    }

    /** C's {@code -1} becomes {@code -errno}; anything else stays as it is. */
    static int result(int returned, MemorySegment capture) {
        return returned == -1 ? -errno(capture) : returned;
    }

    /** C's {@code -1} becomes {@code -errno}; anything else stays as it is. */
    static long result(long returned, MemorySegment capture) {
        return returned == -1 ? -errno(capture) : returned;
    }
}
