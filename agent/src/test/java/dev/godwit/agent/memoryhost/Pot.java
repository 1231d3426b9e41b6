package dev.godwit.agent.memoryhost;

/** So many bytes of a host to lend. */
public final class Pot implements HostRoom {
    private long left;
    private long lent;

    public Pot(long bytes) {
        left = bytes;
    }

    /** There are so many more. */
    synchronized void add(long bytes) {
        left += bytes;
    }

    synchronized long left() {
        return left;
    }

    public synchronized long lent() {
        return lent;
    }

    @Override
    public synchronized boolean lend(long bytes, Runnable taken) {
        if (bytes > left) {
            return false;
        }
        left -= bytes;
        lent += bytes;
        taken.run();
        return true;
    }
}
