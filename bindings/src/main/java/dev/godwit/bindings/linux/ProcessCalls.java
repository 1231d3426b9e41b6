package dev.godwit.bindings.linux;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;

/**
 * The process itself: ids, CPU affinity, scheduling, thread names, limits.
 *
 * <p>Threading: any thread. What names or places a thread concerns platform threads only.
 *
 * <p>Errors: {@code -errno}, never an exception.
 *
 * <p>Safety: segments must be native and as large as the structures named.
 *
 * <p>Source: {@code getpid(2)}, {@code sched_setaffinity(2)}, {@code sched_setscheduler(2)}, {@code setpriority(2)},
 * {@code prctl(2)}, {@code getrlimit(2)}, {@code sysconf(3)}.
 */
public final class ProcessCalls {
    public static final int PR_SET_NAME = 0xf;

    /** A limit that does not limit. */
    public static final long RLIM_INFINITY = -1L;

    public static final int RLIMIT_NOFILE = 7;
    public static final int RLIMIT_MEMLOCK = 8;
    public static final int RLIMIT_NPROC = 6;
    public static final int RLIMIT_AS = 9;

    public static final int SCHED_NORMAL = 0;
    public static final int SCHED_RR = 2;
    /** With a policy: threads that the thread starts do not inherit it. */
    public static final int SCHED_RESET_ON_FORK = 0x40000000;

    public static final int PRIO_PROCESS = 0;

    public static final int _SC_PAGESIZE = 0x1e;
    public static final int _SC_NPROCESSORS_ONLN = 0x54;
    public static final int _SC_PHYS_PAGES = 0x55;

    private static final MethodHandle GETPID = Native.call("getpid", FunctionDescriptor.of(JAVA_INT));
    private static final MethodHandle GETUID = Native.call("getuid", FunctionDescriptor.of(JAVA_INT));
    private static final MethodHandle SCHED_SETAFFINITY =
            Native.call("sched_setaffinity", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG, ADDRESS));
    private static final MethodHandle SCHED_GETAFFINITY =
            Native.call("sched_getaffinity", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG, ADDRESS));
    private static final MethodHandle SCHED_SETSCHEDULER =
            Native.call("sched_setscheduler", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS));
    private static final MethodHandle GETPRIORITY =
            Native.call("getpriority", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT));
    private static final MethodHandle SETPRIORITY =
            Native.call("setpriority", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT));
    private static final MethodHandle PRCTL =
            Native.variadicCall("prctl", 1, FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS));
    private static final MethodHandle GETRLIMIT =
            Native.call("getrlimit", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS));
    private static final MethodHandle SETRLIMIT =
            Native.call("setrlimit", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS));
    private static final MethodHandle SYSCONF = Native.call("sysconf", FunctionDescriptor.of(JAVA_LONG, JAVA_INT));
    // a name of PR_SET_NAME, with its final zero
    private static final int NAME_SIZE = 16;

    private ProcessCalls() {}

    /** This process's id. */
    public static int getpid() {
        MemorySegment capture = ErrnoCapture.ofThread();
        try {
            return ErrnoCapture.result((int) GETPID.invokeExact(capture), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** This process's real user id; 0 is root. */
    public static int getuid() {
        MemorySegment capture = ErrnoCapture.ofThread();
        try {
            return ErrnoCapture.result((int) GETUID.invokeExact(capture), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** Lets a thread run only on the CPUs whose bits are set in {@code mask}; {@code threadId} 0 is the calling thread. */
    public static int schedSetaffinity(int threadId, MemorySegment mask) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try {
            return ErrnoCapture.result(
                    (int) SCHED_SETAFFINITY.invokeExact(capture, threadId, mask.byteSize(), mask), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** Stores the CPUs that a thread may run on as bits into {@code mask}; {@code threadId} 0 is the calling thread. */
    public static int schedGetaffinity(int threadId, MemorySegment mask) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try {
            return ErrnoCapture.result(
                    (int) SCHED_GETAFFINITY.invokeExact(capture, threadId, mask.byteSize(), mask), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /**
     * Sets the scheduling policy ({@code SCHED_}) of a thread; {@code threadId} 0 is the calling thread.
     *
     * @param parameters a {@code struct sched_param}: the priority, an int
     */
    public static int schedSetscheduler(int threadId, int policy, MemorySegment parameters) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try {
            return ErrnoCapture.result(
                    (int) SCHED_SETSCHEDULER.invokeExact(capture, threadId, policy, parameters), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** The nice value of the calling thread, -20 to 19: no error, which the kernel has none for here. */
    public static int threadNice() {
        MemorySegment capture = ErrnoCapture.ofThread();
        try {
            return (int) GETPRIORITY.invokeExact(capture, PRIO_PROCESS, 0);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** Sets the nice value of a thread, -20 to 19, with {@link #PRIO_PROCESS}; {@code threadId} 0 is the calling thread. */
    public static int setpriority(int which, int threadId, int nice) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try {
            return ErrnoCapture.result((int) SETPRIORITY.invokeExact(capture, which, threadId, nice), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** Names the calling thread as tools like {@code top} show it: the first 15 bytes of {@code name}. */
    public static int setThreadName(String name) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try (Arena arena = Arena.ofConfined()) {
            byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
            MemorySegment text = arena.allocate(NAME_SIZE);
            MemorySegment.copy(bytes, 0, text, JAVA_BYTE, 0, Math.min(bytes.length, NAME_SIZE - 1));
            return ErrnoCapture.result((int) PRCTL.invokeExact(capture, PR_SET_NAME, text), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** Stores the limits on a resource ({@code RLIMIT_}) into a {@code struct rlimit}. */
    public static int getrlimit(int resource, MemorySegment limits) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try {
            return ErrnoCapture.result((int) GETRLIMIT.invokeExact(capture, resource, limits), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** Sets the limits on a resource ({@code RLIMIT_}) from a {@code struct rlimit}. */
    public static int setrlimit(int resource, MemorySegment limits) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try {
            return ErrnoCapture.result((int) SETRLIMIT.invokeExact(capture, resource, limits), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** A property of the system ({@code _SC_}); {@code -errno} if it is unknown, -1 if it has no limit. */
    public static long sysconf(int name) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try {
            long value = (long) SYSCONF.invokeExact(capture, name);
            return value == -1 && ErrnoCapture.errno(capture) == Errno.EINVAL ? -Errno.EINVAL : value;
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** The size of a small page in bytes. */
    public static int pageSize() {
        return (int) sysconf(_SC_PAGESIZE);
    }
}
