package dev.godwit.agent.migration;

import dev.godwit.agent.transport.TransportException;
import dev.godwit.agent.transport.TransportException.Kind;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * What the target tells once the guest runs there, when nothing is urgent any more.
 *
 * <pre>
 *    0  u64  bytes of guest RAM backed by large pages
 *    8  UTF-8 lines: state that could not be restored, by name
 * </pre>
 */
record SummaryMessage(long largePageBytes, List<String> notRestored) {
    byte[] encode() {
        byte[] text = String.join("\n", notRestored).getBytes(StandardCharsets.UTF_8);
        return ByteBuffer.allocate(Long.BYTES + text.length)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(largePageBytes)
                .put(text)
                .array();
    }

    static SummaryMessage decode(byte[] payload) throws TransportException {
        if (payload.length < Long.BYTES) {
            throw new TransportException(Kind.MALFORMED, "a SUMMARY of " + payload.length + " bytes");
        }
        long bytes = ByteBuffer.wrap(payload).order(ByteOrder.LITTLE_ENDIAN).getLong();
        String text = new String(payload, Long.BYTES, payload.length - Long.BYTES, StandardCharsets.UTF_8);
        return new SummaryMessage(bytes, text.lines().toList());
    }
}
