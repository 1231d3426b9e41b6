package dev.godwit.host.thread;

import dev.godwit.bindings.linux.ProcessCalls;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Has the calling thread run as soon as it can, before all ordinary threads: what a guest stands still for must not wait
 * its turn behind those that stream memory, which take every processor there is; nor what is short and often waits for
 * another's answer.
 *
 * <p>The lowest real-time priority, for which a process needs CAP_SYS_NICE or a limit on real-time priority (RLIMIT_RTPRIO)
 * of 1; without, threads stay what they are. Threads that an urgent one starts are ordinary, but for the birth of
 * {@link PromptThread}s. An urgent thread waits by blocking; it may spin for as long as one exchange takes.
 *
 * <p>Threading: any platform thread, of which it concerns the calling one only.
 *
 * <p>Source: {@code sched(7)}.
 */
public final class Urgency implements AutoCloseable {
    private static final int LOWEST = 1;
    private static final long SOON_BYTES = 8L << 30;
    private static final MemorySegment URGENT = Arena.global().allocateFrom(ValueLayout.JAVA_INT, LOWEST);
    private static final MemorySegment ORDINARY = Arena.global().allocateFrom(ValueLayout.JAVA_INT, 0);

    /** Whether a thread is urgent; what begins or pauses puts back at its end what it found. */
    private static final class State {
        boolean urgent;
    }

    private static final ThreadLocal<State> STATE = ThreadLocal.withInitial(State::new);

    private final boolean before;
    private final boolean granted;

    private Urgency(boolean before, boolean granted) {
        this.before = before;
        this.granted = granted;
    }

    /** From now on until it is closed, by this thread, but for pauses within. */
    public static Urgency begin() {
        State state = STATE.get();
        boolean before = state.urgent;
        state.urgent = before || set(ProcessCalls.SCHED_RR, URGENT);
        return new Urgency(before, state.urgent);
    }

    /** Whether the host lets this process have urgent threads. */
    public boolean isGranted() {
        return granted;
    }

    /**
     * Until it is closed, an urgent thread is an ordinary one, for what takes long, since other guests need the processor,
     * too; but for what is begun within. Of a thread that is ordinary nothing changes.
     */
    public static Pause pause() {
        return pauseIf(true);
    }

    /**
     * As {@link #pause}, for what goes over memory in a few system calls and compiled loops: that is short for up to 8 GiB.
     *
     * @param bytes of memory
     */
    public static Pause pauseOver(long bytes) {
        return pauseIf(bytes > SOON_BYTES);
    }

    /** As {@link #pause}, or nothing. */
    public static Pause pauseIf(boolean wanted) {
        State state = STATE.get();
        boolean paused = wanted && state.urgent;
        if (paused) {
            beOrdinary();
            state.urgent = false;
        }
        return new Pause(paused);
    }

    /** See {@link #pause}. */
    public static final class Pause implements AutoCloseable {
        private final boolean paused;

        private Pause(boolean paused) {
            this.paused = paused;
        }

        @Override
        public void close() {
            if (paused) {
                STATE.get().urgent = set(ProcessCalls.SCHED_RR, URGENT);
            }
        }
    }

    /** A thread that is started within {@code birth} begins as an urgent one, where the host grants it. */
    static void handOn(Runnable birth) {
        boolean granted = ProcessCalls.schedSetscheduler(0, ProcessCalls.SCHED_RR, URGENT) == 0;
        try {
            birth.run();
        } finally {
            if (granted) {
                if (STATE.get().urgent) {
                    set(ProcessCalls.SCHED_RR, URGENT);
                } else {
                    beOrdinary();
                }
            }
        }
    }

    /** The calling thread takes its turn; those that it starts inherit nothing that puts it before others. */
    static void beOrdinary() {
        set(ProcessCalls.SCHED_NORMAL, ORDINARY);
    }

    /** The flag stays: who may not take it back is refused whatever is without it. */
    private static boolean set(int policy, MemorySegment priority) {
        return ProcessCalls.schedSetscheduler(0, policy | ProcessCalls.SCHED_RESET_ON_FORK, priority) == 0;
    }

    @Override
    public void close() {
        if (granted && !before) {
            STATE.get().urgent = false;
            beOrdinary();
        }
    }
}
