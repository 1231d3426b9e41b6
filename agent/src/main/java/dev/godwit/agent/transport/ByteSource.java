package dev.godwit.agent.transport;

import dev.godwit.bindings.linux.GatherMessage;
import java.lang.foreign.MemorySegment;

/** Where bytes come from, straight into memory: a connection or a file. */
public interface ByteSource {
    /** Fills the whole segment. */
    void receive(MemorySegment bytes) throws TransportException;

    /** Fills all ranges of the message, which is empty afterwards. */
    void receive(GatherMessage message) throws TransportException;

    /** Who is at the other end, for messages. */
    String peer();
}
