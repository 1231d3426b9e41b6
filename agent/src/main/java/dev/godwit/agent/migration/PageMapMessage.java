package dev.godwit.agent.migration;

import static dev.godwit.agent.stream.PageFrame.U64;

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
 * source. Of a guest with pages at a memory host also its epoch there, how many it has on its own host, and a bitmap of
 * those that are there still, of which all else has been said in {@link RemoteMapMessage}.
 *
 * @param pages the pages that follow
 * @param largeChunks the chunks that are to be large pages
 * @param remote the pages at the memory host; null if the guest has none
 * @param epoch of the one who owns these until now; 0 if the guest has none
 * @param resident pages that the guest has on its own host, about; 0 if it has none elsewhere
 */
record PageMapMessage(PageSet pages, PageSet largeChunks, PageSet remote, long epoch, long resident) {
    /** The message's argument when pages follow the guest; 0 when it only has some at a memory host. */
    static final long FOLLOW = 1;

    /** More than for 1 TiB of RAM. */
    static final int MAX_BYTES = 80 << 20;

    /**
     * A message in which each page is in one place: what came from the memory host when the others were known already is
     * there as well, and leaves {@code pages}.
     */
    static PageMapMessage of(PageSet pages, PageSet largeChunks, PageSet remote, long epoch, long resident) {
        if (remote != null) {
            pages.removeAll(remote);
        }
        return new PageMapMessage(pages, largeChunks, remote, epoch, resident);
    }

    byte[] encode() {
        long tail = remote == null ? 0 : 2 * Long.BYTES + bytes(remote);
        byte[] message = new byte[Math.toIntExact(bytes(pages) + bytes(largeChunks) + tail)];
        MemorySegment out = MemorySegment.ofArray(message);
        long at = put(out, 0, pages);
        at = put(out, at, largeChunks);
        if (remote != null) {
            out.set(U64, at, epoch);
            out.set(U64, at + Long.BYTES, resident);
            put(out, at + 2 * Long.BYTES, remote);
        }
        return message;
    }

    static long put(MemorySegment out, long at, PageSet set) {
        MemorySegment.copy(set.segment(), 0, out, at, bytes(set));
        return at + bytes(set);
    }

    /**
     * The sets, in {@code arena}, of a guest with that RAM.
     *
     * @param named its pages that were at its memory host when the migration began, or null if it has none
     */
    static PageMapMessage decode(Arena arena, byte[] payload, GuestMemory memory, PageSet named)
            throws TransportException {
        PageSet pages = new PageSet(arena, memory.pages());
        PageSet largeChunks = Backing.emptyChunks(arena, memory);
        PageSet remote = named == null ? null : new PageSet(arena, memory.pages());
        MemorySegment in = MemorySegment.ofArray(payload);
        if (payload.length
                != bytes(pages) + bytes(largeChunks) + (remote == null ? 0 : 2 * Long.BYTES + bytes(remote))) {
            throw new TransportException(Kind.MALFORMED, "a page map of " + payload.length + " bytes");
        }
        long at = get(in, 0, pages);
        if (memory.isReserved() && !pages.isOfWholeChunks()) {
            throw new TransportException(Kind.MALFORMED, "a page map that parts a reserved large page");
        }
        at = get(in, at, largeChunks);
        if (remote == null) {
            return new PageMapMessage(pages, largeChunks, null, 0, 0);
        }
        long resident = in.get(U64, at + Long.BYTES);
        if (resident < 0 || resident > memory.pages()) {
            throw new TransportException(Kind.MALFORMED, "a page map of more pages than the guest has");
        }
        get(in, at + 2 * Long.BYTES, remote);
        checkPlaces(pages, remote, named);
        return new PageMapMessage(pages, largeChunks, remote, in.get(U64, at), resident);
    }

    private static void checkPlaces(PageSet pages, PageSet remote, PageSet named) throws TransportException {
        for (long i = 0; i < remote.wordCount(); i++) {
            if ((remote.word(i) & pages.word(i)) != 0) {
                throw new TransportException(Kind.MALFORMED, "a page map with a page in two places");
            }
            if ((remote.word(i) & ~named.word(i)) != 0) {
                throw new TransportException(
                        Kind.MALFORMED, "a page map with a page that went to the memory host since");
            }
        }
    }

    static long get(MemorySegment in, long at, PageSet set) throws TransportException {
        set.segment().copyFrom(in.asSlice(at, bytes(set)));
        checkEnd(set);
        return at + bytes(set);
    }

    static long bytes(PageSet set) {
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
