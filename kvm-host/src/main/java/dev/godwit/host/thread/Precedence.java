package dev.godwit.host.thread;

import dev.godwit.bindings.linux.ProcessCalls;

/**
 * Has the calling thread get two parts of three of a processor that it shares with an ordinary one: a guest goes on while
 * its memory is streamed, and while Java compiles. What the guest itself waits for is {@link Urgency}'s.
 *
 * <p>A nice value three lower than the thread had, for which a process with that of 0 needs CAP_SYS_NICE or a limit
 * (RLIMIT_NICE) of 23; without, threads stay what they are.
 *
 * <p>Threading: any platform thread, of which it concerns the calling one only; threads that it starts are ordinary,
 * but {@link PromptThread}s are as it is.
 *
 * <p>Source: {@code sched(7)}.
 */
public final class Precedence {
    /**
     * 1991 parts to 1024. With more and short slices gaps that guests see are shorter, and migrations longer: with five 6
     * to 8 instead of 8 to 12 ms, for up to a sixth more time.
     */
    private static final int LESS = 3;

    private static final int LEAST_NICE = -20;

    private Precedence() {}

    /** From now on; whether the host grants it. */
    public static boolean take() {
        // For the flag that goes with it: threads that this one starts are as others are.
        Urgency.beOrdinary();
        int nice = Math.max(LEAST_NICE, ProcessCalls.threadNice() - LESS);
        return ProcessCalls.setpriority(ProcessCalls.PRIO_PROCESS, 0, nice) == 0;
    }
}
