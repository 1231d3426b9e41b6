package dev.godwit.agent.migration;

import dev.godwit.agent.transport.ProcessIdentity;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * A target's word that a guest may come: 40 bytes of who takes it, and behind them in UTF-8 why it has to come whole.
 *
 * @param taker the process that takes it
 * @param wholeBecause why its memory cannot follow it there; empty when it can, or the offer did not ask
 */
record AcceptMessage(ProcessIdentity taker, String wholeBecause) {
    static final int MAX_BYTES = ProcessIdentity.BYTES + 1024;

    byte[] encode() {
        byte[] why = wholeBecause.getBytes(StandardCharsets.UTF_8);
        int room = Math.min(why.length, MAX_BYTES - ProcessIdentity.BYTES);
        return ByteBuffer.allocate(ProcessIdentity.BYTES + room)
                .put(taker.encode())
                .put(why, 0, room)
                .array();
    }

    /** Anything is one; of less than 40 bytes the taker cannot be known. */
    static AcceptMessage decode(byte[] payload) {
        int split = Math.min(payload.length, ProcessIdentity.BYTES);
        String why = new String(payload, split, payload.length - split, StandardCharsets.UTF_8);
        return new AcceptMessage(
                ProcessIdentity.decode(Arrays.copyOf(payload, split)), why.replaceAll("\\p{Cntrl}", " "));
    }
}
