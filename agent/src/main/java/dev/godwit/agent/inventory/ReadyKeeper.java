package dev.godwit.agent.inventory;

import dev.godwit.host.thread.Uninterruptibly;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps memory ready for guests that arrive: as much as is wanted, again and again.
 *
 * <p>Threading: it has a thread of its own.
 */
public final class ReadyKeeper implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ReadyKeeper.class);
    /** After something was given back, or went wrong. */
    private static final long CALM_NANOS = 10_000_000_000L;

    /** To look makes some garbage, and guests wait while that is collected. */
    private static final long LOOK_NANOS = 1_000_000_000L;

    private final Room room;
    private final Thread thread;
    private volatile boolean closing;

    /** Begins. */
    public ReadyKeeper(Room room) {
        this.room = room;
        this.thread = Thread.ofPlatform().daemon().name("ready-memory").start(this::keep);
    }

    private void keep() {
        boolean said = false;
        while (!closing) {
            long pause = LOOK_NANOS;
            try {
                // Others on this host may have taken what guests here were promised.
                if (room.yieldReady()) {
                    pause = CALM_NANOS;
                } else if (room.makeReady()) {
                    pause = 0;
                } else if (room.isReadyMemoryRefused() && !said) {
                    said = true;
                    LOG.warn("no more memory is made ready for guests: this host has no large page to give, or does"
                            + " not tell (Linux 6.7); godwit check says more. It is tried again.");
                }
            } catch (RuntimeException | Error e) {
                pause = CALM_NANOS;
                LOG.warn("no memory is made ready for guests just now: {}", e.toString());
            }
            if (pause > 0) {
                LockSupport.parkNanos(pause);
            }
        }
    }

    @Override
    public void close() {
        closing = true;
        LockSupport.unpark(thread);
        Uninterruptibly.join(thread);
    }
}
