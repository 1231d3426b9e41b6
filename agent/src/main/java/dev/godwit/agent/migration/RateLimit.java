package dev.godwit.agent.migration;

import java.util.concurrent.locks.LockSupport;

/**
 * Holds senders to so many bytes a second, together.
 *
 * <p>Threading: any number of senders; each is told its own moment.
 */
final class RateLimit {
    /** A pause of the senders lets at most this much time's worth be caught up. */
    private static final long BURST_NANOS = 20_000_000;

    private final long bytesPerSecond;
    private long next = System.nanoTime();

    /** A limit; 0 is none. */
    RateLimit(long bytesPerSecond) {
        this.bytesPerSecond = bytesPerSecond;
    }

    /** Returns when {@code bytes} more may be sent. */
    void acquire(long bytes) {
        if (bytesPerSecond == 0) {
            return;
        }
        long wait = reserve(bytes, System.nanoTime());
        for (long until = System.nanoTime() + wait; wait > 0; wait = until - System.nanoTime()) {
            LockSupport.parkNanos(wait);
            if (Thread.currentThread().isInterrupted()) {
                return;
            }
        }
    }

    /** Books {@code bytes} and returns the nanoseconds to wait before sending them. */
    synchronized long reserve(long bytes, long now) {
        next = Math.max(next, now - BURST_NANOS);
        long wait = next - now;
        next += (long) (bytes * 1e9 / bytesPerSecond);
        return Math.max(0, wait);
    }
}
