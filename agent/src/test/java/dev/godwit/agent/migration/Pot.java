package dev.godwit.agent.migration;

import dev.godwit.agent.memoryhost.HostRoom;

/** So many bytes of a host to lend. */
final class Pot implements HostRoom {
    private long left;
    private long lent;

    Pot(long bytes) {
        left = bytes;
    }

    synchronized long lent() {
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
