package dev.godwit.agent.memoryhost;

import dev.godwit.agent.paging.PageMap;
import java.nio.ByteBuffer;
import java.util.zip.CRC32C;

/**
 * What a guest's side keeps of a page that is elsewhere, in the page map's own entry: 28 bits of its CRC-32C. Content
 * that comes back damaged, stale or of another page is noticed before the guest sees it.
 *
 * <p>Threading: one thread.
 */
final class PageChecksum {
    private final CRC32C crc = new CRC32C();

    /** Of the bytes from {@code offset} on. */
    int of(ByteBuffer buffer, int offset, int bytes) {
        buffer.limit(offset + bytes).position(offset);
        crc.reset();
        crc.update(buffer);
        return (int) crc.getValue() & (PageMap.MAX_FRAMES - 1);
    }
}
