package dev.godwit.agent.stream;

import java.util.concurrent.TimeUnit;

/**
 * Holds senders to so many bytes a second, together.
 *
 * <p>Threading: any number of senders; each is told its own moment.
 */
public final class RateLimit {
    /** A pause of the senders lets at most this much time's worth be caught up. */
    private static final long BURST_NANOS = 20_000_000;

    private final long bytesPerSecond;
    private long next = System.nanoTime();
    private boolean released;

    /** No limit. */
    public static RateLimit none() {
        return new RateLimit(0);
    }

    /** A limit; 0 is none. */
    public RateLimit(long bytesPerSecond) {
        this.bytesPerSecond = bytesPerSecond;
    }

    /** Returns when {@code bytes} more may be sent, or nobody is held any more. */
    public synchronized void acquire(long bytes) {
        if (bytesPerSecond == 0) {
            return;
        }
        long until = System.nanoTime() + reserve(bytes, System.nanoTime());
        try {
            for (long left = until - System.nanoTime(); left > 0 && !released; left = until - System.nanoTime()) {
                TimeUnit.NANOSECONDS.timedWait(this, left);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Forgets what is booked: the pages of a paused guest do not wait for those sent before. */
    public synchronized void forgive() {
        next = System.nanoTime();
    }

    /** Holds nobody any more, from now on. */
    public synchronized void release() {
        released = true;
        notifyAll();
    }

    /** Books {@code bytes} and returns the nanoseconds to wait before sending them. */
    public synchronized long reserve(long bytes, long now) {
        next = Math.max(next, now - BURST_NANOS);
        long wait = next - now;
        next += (long) (bytes * 1e9 / bytesPerSecond);
        return Math.max(0, wait);
    }
}
