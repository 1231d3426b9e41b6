package dev.godwit.agent.migration;

import dev.godwit.agent.memoryhost.HostRoom;

/** So many bytes of a host to lend. */
final class Pot implements HostRoom {
    private long left;

    Pot(long bytes) {
        left = bytes;
    }

    @Override
    public synchronized boolean lend(long bytes, Runnable taken) {
        if (bytes > left) {
            return false;
        }
        left -= bytes;
        taken.run();
        return true;
    }
}
