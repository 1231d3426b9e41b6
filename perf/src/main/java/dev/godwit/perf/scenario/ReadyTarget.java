package dev.godwit.perf.scenario;

import dev.godwit.agent.cli.AgentProcess;
import dev.godwit.agent.config.Failure;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;

/** An agent with memory ready for guests that arrive: what one took has to be made ready again before the next. */
final class ReadyTarget {
    private static final Duration PATIENCE = Duration.ofMinutes(1);
    private static final long POLL_NANOS = 20_000_000;

    private ReadyTarget() {}

    /** Waits until so many bytes are ready. */
    static void await(AgentProcess agent, long bytes) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (bytes > 0 && agent.client().host().readyBytes() < bytes) {
            if (System.nanoTime() > deadline) {
                throw Failure.failed("the target does not get " + bytes + " bytes ready");
            }
            LockSupport.parkNanos(POLL_NANOS);
        }
    }
}
