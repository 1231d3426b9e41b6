package dev.godwit.agent.migration;

import dev.godwit.agent.transport.TransportException;
import dev.godwit.agent.transport.TransportException.Kind;
import dev.godwit.host.memory.Backing;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.PageSet;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * What will follow the guest: a bitmap of pages, bit {@code p % 8} of byte {@code p / 8} for page {@code p}, in whole
 * 64-bit words, and behind it one of the 2 MiB chunks that are large pages at the source.
 *
 * @param pages the pages that follow
 * @param largeChunks the chunks that are to be large pages
 */
record PageMapMessage(PageSet pages, PageSet largeChunks) {
    /** More than for 1 TiB of RAM. */
    static final int MAX_BYTES = 33 << 20;

    byte[] encode() {
        byte[] message = new byte[(int) (bytes(pages) + bytes(largeChunks))];
        MemorySegment out = MemorySegment.ofArray(message);
        MemorySegment.copy(pages.segment(), 0, out, 0, bytes(pages));
        MemorySegment.copy(largeChunks.segment(), 0, out, bytes(pages), bytes(largeChunks));
        return message;
    }

    /** The sets, in {@code arena}, of a guest with that RAM. */
    static PageMapMessage decode(Arena arena, byte[] payload, GuestMemory memory) throws TransportException {
        PageMapMessage message =
                new PageMapMessage(new PageSet(arena, memory.pages()), Backing.emptyChunks(arena, memory));
        MemorySegment in = MemorySegment.ofArray(payload);
        long first = bytes(message.pages);
        if (payload.length != first + bytes(message.largeChunks)) {
            throw new TransportException(Kind.MALFORMED, "a page map of " + payload.length + " bytes");
        }
        message.pages.segment().copyFrom(in.asSlice(0, first));
        message.largeChunks.segment().copyFrom(in.asSlice(first));
        checkEnd(message.pages);
        checkEnd(message.largeChunks);
        return message;
    }

    private static long bytes(PageSet set) {
        return set.wordCount() * Long.BYTES;
    }

    /** None beyond the last. */
    static void checkEnd(PageSet set) throws TransportException {
        long used = set.pages() & 63;
        if (used != 0 && set.word(set.wordCount() - 1) >>> used != 0) {
            throw new TransportException(Kind.MALFORMED, "a page map with pages beyond the guest's RAM");
        }
    }
}
