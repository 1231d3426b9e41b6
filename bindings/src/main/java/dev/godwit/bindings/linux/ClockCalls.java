package dev.godwit.bindings.linux;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * The CPU clocks of threads.
 *
 * <p>Threading: any thread. Errors: {@code -errno}, never an exception.
 *
 * <p>Source: {@code clock_gettime(2)}; a thread's clock is numbered as in {@code include/linux/posix-timers_types.h} of
 * the kernel, which is what {@code pthread_getcpuclockid(3)} gives for threads whose {@code pthread_t} one knows.
 */
public final class ClockCalls {
    /** Of one thread, by what the scheduler counted: {@code CPUCLOCK_PERTHREAD_MASK | CPUCLOCK_SCHED}. */
    private static final int THREAD_CPU = 6;

    private static final long NANOS = 1_000_000_000;
    private static final MethodHandle CLOCK_GETTIME =
            Native.call("clock_gettime", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS));

    private ClockCalls() {}

    /**
     * The CPU time, user's and system's together, that a thread of this process has used.
     *
     * @param thread its kernel number
     * @return nanoseconds, exact also while it runs, or {@code -errno}: -EINVAL when there is no such thread
     */
    public static long threadCpuNanos(int thread) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment time = arena.allocate(2 * JAVA_LONG.byteSize(), JAVA_LONG.byteAlignment());
            int result = ErrnoCapture.result(
                    (int) CLOCK_GETTIME.invokeExact(capture, ~thread << 3 | THREAD_CPU, time), capture);
            return result < 0 ? result : time.get(JAVA_LONG, 0) * NANOS + time.get(JAVA_LONG, JAVA_LONG.byteSize());
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }
}
