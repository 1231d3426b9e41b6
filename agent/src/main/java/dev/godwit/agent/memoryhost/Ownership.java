package dev.godwit.agent.memoryhost;

import dev.godwit.agent.transport.TransportException;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Who may touch a region: the connections of its current epoch, one for each stream. A connection that takes another's
 * place begins only when the other's thread has ended, so that nothing of an older owner, or of an older connection of
 * the same owner, is applied after something newer.
 *
 * <p>Threading: any thread. A thread whose attachment was accepted calls {@link #detach} when it touches the region no
 * more, whatever happens.
 */
final class Ownership {
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final Attachment[] attached = new Attachment[RegionRequest.STREAMS];
    private long epoch;
    /** Somebody waits for the threads of others to end. */
    private boolean changing;

    private boolean gone;
    private long idleSince = System.nanoTime();

    /** Makes an epoch outlive this process. */
    interface Durable {
        void save(long epoch) throws TransportException;
    }

    /**
     * Nobody's yet.
     *
     * @param epoch the current one
     */
    Ownership(long epoch) {
        this.epoch = epoch;
    }

    long epoch() {
        lock.lock();
        try {
            return epoch;
        } finally {
            lock.unlock();
        }
    }

    /** A connection of the current owner: OK, FENCED, or UNKNOWN when the region has been deleted. */
    RegionStatus attach(long owned, Attachment newcomer) {
        lock.lock();
        try {
            awaitTurn();
            if (gone) {
                return RegionStatus.UNKNOWN;
            }
            if (owned != epoch) {
                return RegionStatus.FENCED;
            }
            changing = true;
            Attachment older = attached[newcomer.stream()];
            if (older != null) {
                older.breakOff();
                while (attached[newcomer.stream()] != null) {
                    changed.awaitUninterruptibly();
                }
            }
            attached[newcomer.stream()] = newcomer;
            return RegionStatus.OK;
        } finally {
            endTurn();
        }
    }

    /**
     * The connection of a new owner: OK, FENCED, or UNKNOWN.
     *
     * @param from the epoch of the owner before
     * @throws TransportException when the new epoch cannot be kept; the old one still is the current
     */
    RegionStatus take(long from, Attachment newcomer, Durable durable) throws TransportException {
        lock.lock();
        try {
            awaitTurn();
            if (gone) {
                return RegionStatus.UNKNOWN;
            }
            if (from != epoch) {
                return RegionStatus.FENCED;
            }
            changing = true;
            awaitOthers(null);
            durable.save(epoch + 1);
            epoch++;
            attached[newcomer.stream()] = newcomer;
            return RegionStatus.OK;
        } finally {
            endTurn();
        }
    }

    /** The owner gives the region up; false when it is not the owner any more. No other is attached when this returns. */
    boolean giveUp(Attachment owner) {
        lock.lock();
        try {
            while (changing && !owner.isBroken()) {
                changed.awaitUninterruptibly();
            }
            if (owner.isBroken()) {
                return false;
            }
            changing = true;
            awaitOthers(owner);
            gone = true;
            changing = false;
            changed.signalAll();
            return true;
        } finally {
            lock.unlock();
        }
    }

    /** Nobody has been attached for so long: then the region is nobody's, for good, and the answer true. */
    boolean expire(long nanos) {
        lock.lock();
        try {
            boolean idle = !changing && !gone && !isAttached(null) && System.nanoTime() - idleSince >= nanos;
            gone |= idle;
            return idle;
        } finally {
            lock.unlock();
        }
    }

    /** The connection's thread touches the region no more. */
    void detach(Attachment leaving) {
        lock.lock();
        try {
            if (attached[leaving.stream()] == leaving) {
                attached[leaving.stream()] = null;
                idleSince = System.nanoTime();
                changed.signalAll();
            }
        } finally {
            lock.unlock();
        }
    }

    private void awaitTurn() {
        while (changing) {
            changed.awaitUninterruptibly();
        }
    }

    /** At the end of what {@link #awaitTurn} began, whether or not it changed something. */
    private void endTurn() {
        changing = false;
        changed.signalAll();
        lock.unlock();
    }

    private void awaitOthers(Attachment than) {
        for (Attachment each : attached) {
            if (each != null && each != than) {
                each.breakOff();
            }
        }
        changed.signalAll(); // one of them may wait for its turn
        while (isAttached(than)) {
            changed.awaitUninterruptibly();
        }
    }

    private boolean isAttached(Attachment otherThan) {
        for (Attachment each : attached) {
            if (each != null && each != otherThan) {
                return true;
            }
        }
        return false;
    }
}
