package dev.godwit.agent.stream;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;

/**
 * So many bytes a second for all who send under it, of one migration or of several.
 *
 * <p>Senders stand in two queues, and each is let go for one frame at a time: those whose bytes a guest waits for go
 * before all others, which have their turn now and then all the same. In any interval of a second or longer at most 5 %
 * more than the limit is let go, if no frame is longer than {@link #turnBytes} and the limit is at least 512 KiB a second;
 * with a lower one a single page is more than a hundredth of it. What counts is what is handed to connections: not what
 * TLS and TCP add.
 *
 * <p>Threading: any thread.
 */
public final class Bandwidth {
    /** The time and the waiting for it. */
    interface Clock {
        Clock SYSTEM = new Clock() {
            @Override
            public long nanos() {
                return System.nanoTime();
            }

            @Override
            @SuppressWarnings("WaitNotInLoop") // its caller loops
            public void await(Condition condition, long nanos) throws InterruptedException {
                var _ = condition.awaitNanos(nanos);
            }
        };

        long nanos();

        /** Waits for a signal, at most so long. */
        void await(Condition condition, long nanos) throws InterruptedException;
    }

    private final long bytesPerSecond;
    private final Clock clock;
    private final Pace pace;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final Deque<Object> urgents = new ArrayDeque<>();
    private final Deque<Object> others = new ArrayDeque<>();

    /** No limit. */
    public static Bandwidth unlimited() {
        return new Bandwidth(0);
    }

    /** A limit; 0 is none. */
    public Bandwidth(long bytesPerSecond) {
        this(bytesPerSecond, Clock.SYSTEM);
    }

    Bandwidth(long bytesPerSecond, Clock clock) {
        this.bytesPerSecond = bytesPerSecond;
        this.clock = clock;
        this.pace = new Pace(Math.max(1, bytesPerSecond), clock.nanos());
    }

    /** The limit; 0 is none. */
    public long bytesPerSecond() {
        return bytesPerSecond;
    }

    boolean isLimited() {
        return bytesPerSecond > 0;
    }

    /** The longest frame that the limit is exact with, in bytes. */
    long turnBytes() {
        return isLimited() ? pace.turnBytes() : Long.MAX_VALUE;
    }

    /**
     * Returns when {@code bytes} more may be sent.
     *
     * @param urgent whether a guest waits for them
     * @param over whether the sender need not wait any more, since it will not send; when that changes,
     *     {@link #lookAgain} tells
     */
    void acquire(long bytes, boolean urgent, BooleanSupplier over) {
        if (!isLimited()) {
            return;
        }
        lock.lock();
        try {
            Deque<Object> queue = urgent ? urgents : others;
            if (!queue.isEmpty() || waitNanos(urgent) > 0) {
                await(queue, urgent, over);
            }
            if (!over.getAsBoolean()) {
                pace.book(bytes, urgent, clock.nanos());
            }
        } finally {
            changed.signalAll();
            lock.unlock();
        }
    }

    private void await(Deque<Object> queue, boolean urgent, BooleanSupplier over) {
        Object place = new Object();
        queue.addLast(place);
        try {
            while (!over.getAsBoolean()) {
                long nanos = place.equals(queue.peekFirst()) ? waitNanos(urgent) : Pace.AFTER_OTHERS;
                if (nanos == 0) {
                    return;
                }
                clock.await(changed, nanos);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            queue.remove(place);
        }
    }

    private long waitNanos(boolean urgent) {
        boolean othersWait = !(urgent ? others : urgents).isEmpty();
        return pace.waitNanos(urgent, othersWait, clock.nanos());
    }

    /** Whether nobody waits, and nobody would have to. */
    boolean isIdle() {
        lock.lock();
        try {
            return !isLimited() || (urgents.isEmpty() && others.isEmpty() && waitNanos(false) == 0);
        } finally {
            lock.unlock();
        }
    }

    /** Counts what is sent without waiting: all others wait the longer. */
    void count(long bytes) {
        if (isLimited()) {
            lock.lock();
            try {
                pace.book(bytes, true, clock.nanos());
            } finally {
                lock.unlock();
            }
        }
    }

    /** So many bytes that were let go do not go. */
    void giveBack(long bytes) {
        if (isLimited()) {
            lock.lock();
            try {
                pace.giveBack(bytes);
                changed.signalAll();
            } finally {
                lock.unlock();
            }
        }
    }

    /** Who waits looks whether it is over. */
    void lookAgain() {
        lock.lock();
        try {
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }
}
