package dev.godwit.agent.transport;

import dev.godwit.bindings.linux.GatherMessage;
import java.lang.foreign.MemorySegment;

/** Where bytes go, straight from memory: a connection or a file. */
public interface ByteSink {
    /** Sends the whole segment. */
    void send(MemorySegment bytes) throws TransportException;

    /** Sends all ranges of the message, which is empty afterwards. */
    void send(GatherMessage message) throws TransportException;
}
