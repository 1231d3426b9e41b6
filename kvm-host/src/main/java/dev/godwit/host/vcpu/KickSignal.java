package dev.godwit.host.vcpu;

import dev.godwit.bindings.linux.Errno;
import dev.godwit.bindings.linux.SignalCalls;
import dev.godwit.bindings.linux.SystemCallException;

/**
 * The real-time signal that takes a vCPU thread out of {@code KVM_RUN}. Its handler does nothing: arriving is enough.
 *
 * <p>The JVM cannot take a Java upcall as a signal handler, so a function of libc that ignores its argument serves.
 */
final class KickSignal {
    /** Above the signals that the JVM and the threading library use. */
    private static final int NUMBER = SignalCalls.sigrtmin() + 8;

    static {
        SystemCallException.check(SignalCalls.installNoopHandler(NUMBER), "sigaction", "signal", NUMBER);
    }

    private KickSignal() {}

    /** Makes sure the handler stands before a thread can be signalled. */
    static void prepare() {
        // Loading the class did it.
    }

    @SuppressWarnings("ThreadPriorityCheck") // the yield is only a courtesy while the queue is full
    static void send(int processId, int threadId) {
        int result = SignalCalls.tgkill(processId, threadId, NUMBER);
        while (result == -Errno.EAGAIN) {
            // The user's signals in flight are at RLIMIT_SIGPENDING; they are taken within microseconds.
            Thread.yield();
            result = SignalCalls.tgkill(processId, threadId, NUMBER);
        }
        // The thread may have ended since the caller looked.
        if (result < 0 && result != -Errno.ESRCH) {
            SystemCallException.check(result, "tgkill", "thread", threadId);
        }
    }

    /** Holds the signal back from the calling thread. */
    static void block() {
        SystemCallException.check(SignalCalls.block(NUMBER), "pthread_sigmask", "signal", NUMBER);
    }

    /** Lets the signal reach the calling thread again. */
    static void unblock() {
        SystemCallException.check(SignalCalls.unblock(NUMBER), "pthread_sigmask", "signal", NUMBER);
    }
}
