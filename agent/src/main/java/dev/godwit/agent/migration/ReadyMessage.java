package dev.godwit.agent.migration;

import dev.godwit.agent.transport.TransportException;
import dev.godwit.agent.transport.TransportException.Kind;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The target's word that all is in place.
 *
 * <pre>
 *    0  u64  microseconds that restoring the state took
 *    8  u64  microseconds that hashing memory took
 *   16  u32  number of hashes, 0 unless they were asked for
 *   20  u32  × that many: CRC-32C of each chunk of RAM
 * </pre>
 */
record ReadyMessage(long restoreMicros, long hashMicros, int[] hashes) {
    private static final int FIXED_BYTES = 20;

    byte[] encode() {
        ByteBuffer out =
                ByteBuffer.allocate(FIXED_BYTES + hashes.length * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        out.putLong(restoreMicros).putLong(hashMicros).putInt(hashes.length);
        out.asIntBuffer().put(hashes);
        return out.array();
    }

    static ReadyMessage decode(byte[] payload) throws TransportException {
        ByteBuffer in = ByteBuffer.wrap(payload).order(ByteOrder.LITTLE_ENDIAN);
        if (payload.length < FIXED_BYTES) {
            throw new TransportException(Kind.MALFORMED, "a READY of " + payload.length + " bytes");
        }
        long restore = in.getLong();
        long hash = in.getLong();
        int count = in.getInt();
        if (count < 0 || in.remaining() != (long) count * Integer.BYTES) {
            throw new TransportException(Kind.MALFORMED, "a READY with a wrong number of hashes");
        }
        int[] hashes = new int[count];
        in.asIntBuffer().get(hashes);
        return new ReadyMessage(restore, hash, hashes);
    }
}
