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
    private static final long LOOK_NANOS = 100_000_000;

    private final Inventory inventory;
    private final Thread thread;
    private volatile boolean closing;

    /** Begins. */
    public ReadyKeeper(Inventory inventory) {
        this.inventory = inventory;
        this.thread = Thread.ofPlatform().daemon().name("ready-memory").start(this::keep);
    }

    private void keep() {
        while (!closing) {
            try {
                if (!inventory.makeReady()) {
                    LockSupport.parkNanos(LOOK_NANOS);
                }
            } catch (RuntimeException | Error e) {
                LOG.error("no memory is made ready for guests any more", e);
                return;
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
