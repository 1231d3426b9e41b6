package dev.godwit.perf.scenario;

import dev.godwit.agent.api.ApiClient;
import dev.godwit.agent.api.HeatRequest;
import dev.godwit.agent.api.StartRequest;
import dev.godwit.agent.config.Failure;
import dev.godwit.agent.memoryhost.RemoteStatus;
import dev.godwit.host.memory.PageSize;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;

/**
 * What a guest on an agent is given before it is migrated.
 *
 * @param tracked for how long its accesses are tracked before, so that its pages go hottest first; zero for not at all:
 *     they go in the order of their addresses
 * @param remote where the part of its memory is that is not on its host, or null
 */
public record GuestCare(Duration tracked, StartRequest.MemoryHost remote) {
    /** Nothing. */
    public static final GuestCare NONE = new GuestCare(Duration.ZERO, null);

    /** As much of what is to be at the memory host has to be there. */
    private static final double NEARLY = 0.95;

    private static final Duration PATIENCE = Duration.ofMinutes(1);
    private static final Duration LOOK = Duration.ofMillis(50);

    /** Behind the name of a contestant. */
    String suffix() {
        return (tracked.isZero() ? "" : " tracked") + (remote == null ? "" : " remote");
    }

    /** Gives it to a guest whose memory is filled. */
    void give(ApiClient agent, String guest, long memoryBytes) {
        if (!tracked.isZero()) {
            agent.track(guest, new HeatRequest(null, null, true));
            LockSupport.parkNanos(tracked.toNanos());
        }
        if (remote != null) {
            awaitRemote(agent, guest, (memoryBytes - remote.localBytes()) >>> PageSize.SMALL_SHIFT);
        }
    }

    private static void awaitRemote(ApiClient agent, String guest, long pages) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        for (long there = 0; there < pages * NEARLY; ) {
            RemoteStatus status = agent.guest(guest).memoryHost();
            there = status == null ? 0 : status.remotePages();
            if (System.nanoTime() > deadline) {
                throw Failure.failed("of " + pages + " pages only " + there + " went to the memory host");
            }
            LockSupport.parkNanos(LOOK.toNanos());
        }
    }
}
