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

    /** Of one thread. */
    private static final class State {
        /** How often it has begun to be urgent and not ended. */
        int depth;
        /** Whether it is ordinary for a while nevertheless. */
        boolean paused;

        boolean isUrgent() {
            return depth > 0 && !paused;
        }
    }

    private static final ThreadLocal<State> STATE = ThreadLocal.withInitial(State::new);

    private final boolean granted;

    private Urgency(boolean granted) {
        this.granted = granted;
    }

    /** From now on until it is closed, by this thread; what is begun within it changes nothing. */
    public static Urgency begin() {
        State state = STATE.get();
        boolean granted = state.depth > 0 || set(ProcessCalls.SCHED_RR, URGENT);
        state.depth += granted ? 1 : 0;
        return new Urgency(granted);
    }

    /** Whether the host lets this process have urgent threads. */
    public boolean isGranted() {
        return granted;
    }

    /**
     * Until it is closed, an urgent thread is an ordinary one, for what takes long: other guests need the processor, too. It
     * stays one whatever is begun within; of a thread that is ordinary nothing changes.
     */
    public static Pause pause() {
        State state = STATE.get();
        boolean paused = state.isUrgent();
        if (paused) {
            beOrdinary();
            state.paused = true;
        }
        return new Pause(paused);
    }

    /**
     * As {@link #pause}, for what takes a millisecond or so for each GiB of memory: short for up to 8 GiB.
     *
     * @param bytes of memory
     */
    public static Pause pauseOver(long bytes) {
        return bytes > SOON_BYTES ? pause() : new Pause(false);
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
                STATE.get().paused = false;
                set(ProcessCalls.SCHED_RR, URGENT);
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
                if (STATE.get().isUrgent()) {
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
        if (granted && --STATE.get().depth == 0) {
            beOrdinary();
        }
    }
}
