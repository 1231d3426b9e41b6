package dev.godwit.agent.migration;

import static dev.godwit.agent.stream.PageFrame.U32;
import static dev.godwit.agent.stream.PageFrame.U64;

import dev.godwit.agent.stream.PageFrame;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.agent.transport.TransportException.Kind;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.zip.CRC32C;

/**
 * The first page of a snapshot, written last: a file that was not finished has none. All numbers are little-endian.
 *
 * <pre>
 *      0  u64  magic "GODWSNAP"
 *      8  u32  version, 4
 *     12  u32  0
 *     16  u64  bytes of guest RAM, a multiple of 4096
 *     24  u64  bytes of the description (JSON, as a migration offers it)
 *     32  u64  bytes of the machine state
 *     40  u32  CRC-32C of the tables, the description and the state
 *     44  u32  CRC-32C of the 44 bytes before
 *   4096  guest RAM, page p at 4096 × (p + 1); a page that is not in the first table is a hole, and zeros
 *         the tables: bitmap of the pages that are here, bitmap of the 2 MiB chunks that were large pages, both in
 *         whole 64-bit words; CRC-32C of each chunk's pages that are here, u32 each
 *         the description, the state; the file ends there
 * </pre>
 *
 * @param memoryBytes guest RAM
 * @param crc of all that follows it in the file
 */
record SnapshotHeader(long memoryBytes, long descriptionBytes, long stateBytes, int crc) {
    static final int BYTES = 4096;

    private static final long MAGIC = 0x50414e5357444f47L;
    private static final int VERSION = 4;
    private static final int OWN_CRC = 44;

    /** Guest RAM of a snapshot that anybody may have made. */
    private static final long MOST_MEMORY = 1L << 40;

    MemorySegment encode(Arena arena) {
        MemorySegment out = arena.allocate(BYTES);
        out.set(U64, 0, MAGIC);
        out.set(U32, 8, VERSION);
        out.set(U64, 16, memoryBytes);
        out.set(U64, 24, descriptionBytes);
        out.set(U64, 32, stateBytes);
        out.set(U32, 40, crc);
        out.set(U32, OWN_CRC, crcOf(out.asSlice(0, OWN_CRC)));
        return out;
    }

    /** Where a page is in the file. */
    static long offsetOf(long page) {
        return BYTES + (page << 12);
    }

    long pages() {
        return memoryBytes >>> 12;
    }

    long chunks() {
        return PageFrame.chunksIn(pages());
    }

    /** Where the tables begin. */
    long tablesAt() {
        return BYTES + memoryBytes;
    }

    long presentBytes() {
        return words(pages());
    }

    long largeBytes() {
        return words(chunks());
    }

    long checksumBytes() {
        return chunks() * Integer.BYTES;
    }

    private long descriptionAt() {
        return tablesAt() + presentBytes() + largeBytes() + checksumBytes();
    }

    private static long words(long bits) {
        return ((bits + 63) >>> 6) * Long.BYTES;
    }

    MemorySegment present(MemorySegment file) {
        return file.asSlice(tablesAt(), presentBytes());
    }

    MemorySegment large(MemorySegment file) {
        return file.asSlice(tablesAt() + presentBytes(), largeBytes());
    }

    /** The checksum of each chunk's pages that are in the file. */
    int[] checksums(MemorySegment file) {
        return file.asSlice(tablesAt() + presentBytes() + largeBytes(), checksumBytes())
                .toArray(U32);
    }

    MemorySegment description(MemorySegment file) {
        return file.asSlice(descriptionAt(), descriptionBytes);
    }

    MemorySegment state(MemorySegment file) {
        return file.asSlice(descriptionAt() + descriptionBytes, stateBytes);
    }

    /**
     * Reads and checks the header of a whole file, and everything but guest RAM, which is checked as it is needed.
     *
     * @throws TransportException when it is no complete, unharmed snapshot that this build reads
     */
    static SnapshotHeader decode(String name, MemorySegment file) throws TransportException {
        if (file.byteSize() < BYTES || file.get(U64, 0) != MAGIC) {
            throw bad(name, "is not a godwit snapshot, or was not finished");
        }
        if (file.get(U32, 8) != VERSION) {
            throw bad(
                    name,
                    "has snapshot version " + Integer.toUnsignedString(file.get(U32, 8)) + "; this build reads "
                            + VERSION);
        }
        SnapshotHeader header =
                new SnapshotHeader(file.get(U64, 16), file.get(U64, 24), file.get(U64, 32), file.get(U32, 40));
        boolean whole = file.get(U32, OWN_CRC) == crcOf(file.asSlice(0, OWN_CRC))
                && header.memoryBytes > 0
                && header.memoryBytes <= MOST_MEMORY
                && header.memoryBytes % 4096 == 0
                && within(header.descriptionBytes, Offer.MAX_BYTES)
                && within(header.stateBytes, Integer.MAX_VALUE - 8)
                && header.descriptionAt() + header.descriptionBytes + header.stateBytes == file.byteSize()
                && header.crc == crcOf(file.asSlice(header.tablesAt()));
        if (!whole) {
            throw bad(name, "is damaged: its checksum or its length is wrong");
        }
        return header;
    }

    private static boolean within(long bytes, long most) {
        return bytes > 0 && bytes <= most;
    }

    static int crcOf(MemorySegment bytes) {
        CRC32C crc = new CRC32C();
        update(crc, bytes);
        return (int) crc.getValue();
    }

    static void update(CRC32C crc, MemorySegment bytes) {
        int step = 64 << 20;
        for (long at = 0; at < bytes.byteSize(); at += step) {
            crc.update(bytes.asSlice(at, Math.min(step, bytes.byteSize() - at)).asByteBuffer());
        }
    }

    private static TransportException bad(String name, String what) {
        return new TransportException(Kind.MALFORMED, "snapshot " + name + " " + what);
    }
}
