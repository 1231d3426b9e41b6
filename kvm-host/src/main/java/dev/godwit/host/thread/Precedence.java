package dev.godwit.host.thread;

import dev.godwit.bindings.linux.ProcessCalls;

/**
 * How large a part of a processor a thread gets when others want it, too. What a guest itself waits for is
 * {@link Urgency}'s.
 *
 * <p>A nice value, so much lower than that of the process. For that a process needs CAP_SYS_NICE or a limit
 * (RLIMIT_NICE) of 20 less the value; without, threads stay what they are.
 *
 * <p>Threading: any platform thread, of which it concerns the calling one only. {@link PromptThread}s that it starts are
 * ordinary; of others nothing is promised.
 *
 * <p>Source: {@code sched(7)}.
 */
public enum Precedence {
    /** As the process was started. */
    ORDINARY(0),

    /**
     * Two parts of three, shared with an ordinary thread: a guest goes on while its memory is streamed, and while Java
     * compiles. With more and short slices gaps that guests see are shorter, and migrations longer: with five 6 to 8
     * instead of 8 to 12 ms, for up to a sixth more time.
     */
    GUEST(3),

    /**
     * Five parts of six, shared with a guest: whoever asks is answered, also by a host with fifty guests on each processor.
     * For what is short, or what somebody waits for.
     */
    CONTROL(10);

    private static final int LEAST_NICE = -20;

    /** What the first thread had that asked: the process's, but for threads whose starter had another. */
    private static final int OWN = ProcessCalls.threadNice();

    private final int less;

    Precedence(int less) {
        this.less = less;
    }

    /** From now on; whether the host grants it. */
    public boolean take() {
        // For the flag that goes with it: threads that this one starts are as others are.
        Urgency.beOrdinary();
        return set();
    }

    /** Until it is closed, which gives back what the thread had. Whether it is urgent does not change. */
    public Turn during() {
        Turn turn = new Turn(ProcessCalls.threadNice());
        set();
        return turn;
    }

    /** See {@link #during}. */
    public static final class Turn implements AutoCloseable {
        private final int before;

        private Turn(int before) {
            this.before = before;
        }

        @Override
        public void close() {
            ProcessCalls.setpriority(ProcessCalls.PRIO_PROCESS, 0, before);
        }
    }

    /** As {@link #take}, of a thread that is urgent now: what it gets when it is no longer. */
    boolean set() {
        return ProcessCalls.setpriority(ProcessCalls.PRIO_PROCESS, 0, Math.max(LEAST_NICE, OWN - less)) == 0;
    }
}
