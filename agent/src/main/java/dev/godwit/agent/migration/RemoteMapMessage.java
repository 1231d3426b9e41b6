package dev.godwit.agent.migration;

import static dev.godwit.agent.stream.PageFrame.U32;

import dev.godwit.agent.memoryhost.RemoteMap;
import dev.godwit.agent.paging.PageMap;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.agent.transport.TransportException.Kind;
import dev.godwit.host.memory.PageSet;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Which pages of a guest are at its memory host when its migration begins: a bitmap as in {@link PageMapMessage}, and of
 * each of these pages in order the checksum of its content. From then on none goes there, so it is said while the guest
 * runs; what has come back by its pause is for the page map to say.
 */
final class RemoteMapMessage {
    /** More than for 128 GiB of RAM, all of it there. */
    static final int MAX_BYTES = 160 << 20;

    private RemoteMapMessage() {}

    static byte[] encode(RemoteMap map) {
        int[] checksums = map.checksums();
        long bitmap = PageMapMessage.bytes(map.pages());
        byte[] message = new byte[Math.toIntExact(bitmap + (long) checksums.length * Integer.BYTES)];
        MemorySegment out = MemorySegment.ofArray(message);
        long at = PageMapMessage.put(out, 0, map.pages());
        MemorySegment.copy(checksums, 0, out, U32, at, checksums.length);
        return message;
    }

    /** What it says, in {@code arena}, of a guest with so many pages. */
    static RemoteMap decode(Arena arena, byte[] payload, long count) throws TransportException {
        PageSet pages = new PageSet(arena, count);
        MemorySegment in = MemorySegment.ofArray(payload);
        long fixed = PageMapMessage.bytes(pages);
        if (payload.length < fixed) {
            throw new TransportException(Kind.MALFORMED, "a remote map of " + payload.length + " bytes");
        }
        PageMapMessage.get(in, 0, pages);
        return new RemoteMap(pages, checksums(in, fixed, pages.cardinality()));
    }

    /** A method of its own: Java compiles it when a guest is on its way, and compiles a short one soon. */
    private static boolean areChecksums(int[] checksums) {
        int all = 0;
        for (int checksum : checksums) {
            all |= checksum;
        }
        return all >= 0 && all < PageMap.MAX_FRAMES;
    }

    private static int[] checksums(MemorySegment in, long at, long count) throws TransportException {
        if (in.byteSize() - at != count * Integer.BYTES) {
            throw new TransportException(
                    Kind.MALFORMED, "a remote map with " + (in.byteSize() - at) + " bytes for " + count + " checksums");
        }
        int[] checksums = new int[Math.toIntExact(count)];
        MemorySegment.copy(in, U32, at, checksums, 0, checksums.length);
        if (!areChecksums(checksums)) {
            throw new TransportException(Kind.MALFORMED, "a remote map with what is no checksum");
        }
        return checksums;
    }
}
