package dev.godwit.bindings.linux;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.godwit.bindings.linux.gen.sigaction;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * Signals to threads: how a thread in a blocking call is woken.
 *
 * <p>Threading: any thread; masks are the calling thread's own, handlers the whole process's.
 *
 * <p>Errors: {@code -errno}, never an exception.
 *
 * <p>Safety: a signal whose action is the default one may end the JVM. Send only signals for which
 * {@link #installNoopHandler} has run.
 *
 * <p>Source: {@code tgkill(2)}, {@code sigaction(2)}, {@code pthread_sigmask(3)}, {@code signal(7)}.
 */
public final class SignalCalls {
    public static final int SIGHUP = 1;
    public static final int SIGINT = 2;
    public static final int SIGUSR1 = 0xa;
    public static final int SIGUSR2 = 0xc;
    public static final int SIGTERM = 0xf;

    public static final int SIG_BLOCK = 0;
    public static final int SIG_UNBLOCK = 1;
    public static final int SIG_SETMASK = 2;

    // size of glibc's sigset_t; the kernel's part is its first 8 bytes
    private static final long SIGSET_SIZE = 128;

    // sa_handler is the first member of a union that comes first
    private static final long HANDLER = 0;

    private static final MethodHandle GETTID = Native.call("gettid", FunctionDescriptor.of(JAVA_INT));
    private static final MethodHandle TGKILL =
            Native.call("tgkill", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT));
    private static final MethodHandle SIGACTION =
            Native.call("sigaction", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, ADDRESS));
    private static final MethodHandle PTHREAD_SIGMASK =
            Native.plainCall("pthread_sigmask", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, ADDRESS));
    private static final MethodHandle SIGRTMIN =
            Native.plainCall("__libc_current_sigrtmin", FunctionDescriptor.of(JAVA_INT));
    private static final MethodHandle SIGRTMAX =
            Native.plainCall("__libc_current_sigrtmax", FunctionDescriptor.of(JAVA_INT));

    private SignalCalls() {}

    /** The calling thread's id; for platform threads only, a virtual thread has none of its own. */
    public static int gettid() {
        MemorySegment capture = ErrnoCapture.ofThread();
        try {
            return ErrnoCapture.result((int) GETTID.invokeExact(capture), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /**
     * Sends a signal to one thread of a process.
     *
     * @param threadId what {@link #gettid} returned in that thread; -ESRCH when it has ended
     * @param signal the signal, or 0 to ask only whether the thread is there
     */
    public static int tgkill(MemorySegment capture, int processId, int threadId, int signal) {
        try {
            return ErrnoCapture.result((int) TGKILL.invokeExact(capture, processId, threadId, signal), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** As {@link #tgkill(MemorySegment, int, int, int)} with the thread's own capture segment. */
    public static int tgkill(int processId, int threadId, int signal) {
        return tgkill(ErrnoCapture.ofThread(), processId, threadId, signal);
    }

    /** The first real-time signal that the C library leaves to programs. */
    public static int sigrtmin() {
        try {
            return (int) SIGRTMIN.invokeExact();
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** The last real-time signal. */
    public static int sigrtmax() {
        try {
            return (int) SIGRTMAX.invokeExact();
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /**
     * Makes {@code signal} interrupt blocking calls with -EINTR and do nothing else, for the whole process.
     *
     * <p>The handler is the C library's own {@code getpid}: native code without side effects that may run at any
     * instruction, which no Java upcall may. There is no {@code SA_RESTART}.
     *
     * @param signal one that the JVM does not use: a real-time signal
     */
    public static int installNoopHandler(int signal) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment action = arena.allocate(sigaction.layout());
            action.set(ADDRESS, HANDLER, Native.symbol("getpid"));
            int result = (int) SIGACTION.invokeExact(capture, signal, action, MemorySegment.NULL);
            return ErrnoCapture.result(result, capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** Lets {@code signal} reach the calling thread. */
    public static int unblock(int signal) {
        return mask(SIG_UNBLOCK, signal);
    }

    /** Holds {@code signal} back from the calling thread until it is unblocked. */
    public static int block(int signal) {
        return mask(SIG_BLOCK, signal);
    }

    private static int mask(int how, int signal) {
        if (signal < 1 || signal > Long.SIZE) {
            return -Errno.EINVAL;
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment set = arena.allocate(SIGSET_SIZE, Long.BYTES);
            set.set(JAVA_LONG, 0, 1L << (signal - 1));
            // returns the error number itself
            return -(int) PTHREAD_SIGMASK.invokeExact(how, set, MemorySegment.NULL);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }
}
