package dev.godwit.agent.memoryhost;

import dev.godwit.agent.transport.Connection;

/** A connection that acts for a region's owner. */
final class Attachment {
    private final Connection connection;
    private final int stream;
    private volatile boolean broken;

    Attachment(Connection connection, int stream) {
        this.connection = connection;
        this.stream = stream;
    }

    int stream() {
        return stream;
    }

    /** Its thread is to end: nothing more of what it brings may be applied. */
    void breakOff() {
        broken = true;
        connection.abort();
    }

    /** Whether it acts for nobody any more. What has come before it broke can still be read from the connection. */
    boolean isBroken() {
        return broken;
    }
}
