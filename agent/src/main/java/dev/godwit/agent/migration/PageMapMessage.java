package dev.godwit.agent.migration;

import static dev.godwit.agent.stream.PageFrame.U32;
import static dev.godwit.agent.stream.PageFrame.U64;

import dev.godwit.agent.memoryhost.RemoteMap;
import dev.godwit.agent.paging.PageMap;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.agent.transport.TransportException.Kind;
import dev.godwit.host.memory.Backing;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.PageSet;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Where the guest's pages are that do not come with it: bitmaps, bit {@code p % 8} of byte {@code p / 8} for page
 * {@code p}, in whole 64-bit words, of the pages that will follow it and of the 2 MiB chunks that are large pages at the
 * source. Of a guest with pages at a memory host also its epoch there, a bitmap of these pages, and of each in order the
 * checksum of its content.
 *
 * @param pages the pages that follow
 * @param largeChunks the chunks that are to be large pages
 * @param remote the pages at the memory host; null if the guest has none
 */
record PageMapMessage(PageSet pages, PageSet largeChunks, RemoteMap remote) {
    /** The message's argument when pages follow the guest; 0 when it only has some at a memory host. */
    static final long FOLLOW = 1;

    /** More than for 1 TiB of RAM; with a memory host for 128 GiB, all of it there. */
    static final int MAX_BYTES = 160 << 20;

    /**
     * A message in which each page is in one place: what came from the memory host when the others were known already is
     * there as well, and leaves {@code pages}.
     */
    static PageMapMessage of(PageSet pages, PageSet largeChunks, RemoteMap remote) {
        if (remote != null) {
            pages.removeAll(remote.pages());
        }
        return new PageMapMessage(pages, largeChunks, remote);
    }

    byte[] encode() {
        long tail = remote == null ? 0 : Long.BYTES + bytes(pages) + (long) remote.checksums().length * Integer.BYTES;
        byte[] message = new byte[Math.toIntExact(bytes(pages) + bytes(largeChunks) + tail)];
        MemorySegment out = MemorySegment.ofArray(message);
        long at = put(out, 0, pages);
        at = put(out, at, largeChunks);
        if (remote != null) {
            out.set(U64, at, remote.epoch());
            at = put(out, at + Long.BYTES, remote.pages());
            int[] checksums = remote.checksums();
            MemorySegment.copy(checksums, 0, out, U32, at, checksums.length);
        }
        return message;
    }

    private static long put(MemorySegment out, long at, PageSet set) {
        MemorySegment.copy(set.segment(), 0, out, at, bytes(set));
        return at + bytes(set);
    }

    /**
     * The sets, in {@code arena}, of a guest with that RAM.
     *
     * @param hasMemoryHost whether some of its pages may be at a memory host
     */
    static PageMapMessage decode(Arena arena, byte[] payload, GuestMemory memory, boolean hasMemoryHost)
            throws TransportException {
        PageSet pages = new PageSet(arena, memory.pages());
        PageSet largeChunks = Backing.emptyChunks(arena, memory);
        MemorySegment in = MemorySegment.ofArray(payload);
        long fixed = bytes(pages) + bytes(largeChunks) + (hasMemoryHost ? Long.BYTES + bytes(pages) : 0);
        if (payload.length < fixed || (payload.length > fixed && !hasMemoryHost)) {
            throw new TransportException(Kind.MALFORMED, "a page map of " + payload.length + " bytes");
        }
        long at = get(in, 0, pages);
        at = get(in, at, largeChunks);
        if (!hasMemoryHost) {
            return new PageMapMessage(pages, largeChunks, null);
        }
        PageSet there = new PageSet(arena, memory.pages());
        get(in, at + Long.BYTES, there);
        return new PageMapMessage(
                pages, largeChunks, new RemoteMap(there, checksums(in, fixed, there, pages), in.get(U64, at)));
    }

    private static int[] checksums(MemorySegment in, long at, PageSet there, PageSet follow) throws TransportException {
        long count = there.cardinality();
        if (in.byteSize() - at != count * Integer.BYTES) {
            throw new TransportException(
                    Kind.MALFORMED, "a page map with " + (in.byteSize() - at) + " bytes for " + count + " checksums");
        }
        for (long i = 0; i < there.wordCount(); i++) {
            if ((there.word(i) & follow.word(i)) != 0) {
                throw new TransportException(Kind.MALFORMED, "a page map with a page in two places");
            }
        }
        int[] checksums = new int[Math.toIntExact(count)];
        MemorySegment.copy(in, U32, at, checksums, 0, checksums.length);
        for (int checksum : checksums) {
            if (checksum < 0 || checksum >= PageMap.MAX_FRAMES) {
                throw new TransportException(Kind.MALFORMED, "a page map with checksum " + checksum);
            }
        }
        return checksums;
    }

    private static long get(MemorySegment in, long at, PageSet set) throws TransportException {
        set.segment().copyFrom(in.asSlice(at, bytes(set)));
        checkEnd(set);
        return at + bytes(set);
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
