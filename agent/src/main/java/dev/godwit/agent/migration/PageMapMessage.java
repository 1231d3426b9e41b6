package dev.godwit.agent.migration;

import dev.godwit.agent.transport.TransportException;
import dev.godwit.agent.transport.TransportException.Kind;
import dev.godwit.host.memory.PageSet;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Which pages will follow the guest: a bitmap, bit {@code p % 8} of byte {@code p / 8} for page {@code p}, in whole
 * 64-bit words.
 */
final class PageMapMessage {
    /** For 1 TiB of RAM. */
    static final int MAX_BYTES = 32 << 20;

    private PageMapMessage() {}

    static byte[] encode(PageSet pages) {
        return pages.segment().asSlice(0, pages.wordCount() * Long.BYTES).toArray(ValueLayout.JAVA_BYTE);
    }

    /** The set, in {@code arena}. */
    static PageSet decode(Arena arena, byte[] payload, long pages) throws TransportException {
        PageSet set = new PageSet(arena, pages);
        if (payload.length != set.wordCount() * Long.BYTES) {
            throw new TransportException(Kind.MALFORMED, "a page map of " + payload.length + " bytes");
        }
        set.segment().copyFrom(MemorySegment.ofArray(payload));
        checkEnd(set);
        return set;
    }

    /** No page beyond the last. */
    static void checkEnd(PageSet set) throws TransportException {
        long used = set.pages() & 63;
        if (used != 0 && set.word(set.wordCount() - 1) >>> used != 0) {
            throw new TransportException(Kind.MALFORMED, "a page map with pages beyond the guest's RAM");
        }
    }
}
