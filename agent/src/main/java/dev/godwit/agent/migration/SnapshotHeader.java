package dev.godwit.agent.migration;

import static dev.godwit.agent.migration.PageFrame.U32;
import static dev.godwit.agent.migration.PageFrame.U64;

import dev.godwit.agent.transport.TransportException;
import dev.godwit.agent.transport.TransportException.Kind;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.zip.CRC32C;

/**
 * The first 64 bytes of a snapshot, written last: a file that was not finished has none.
 *
 * <pre>
 *    0  u64  magic "GODWSNAP"
 *    8  u32  version, 1
 *   12  u32  rounds of page frames, which start at 64
 *   16  u64  offset of the description (JSON, as a migration offers it)
 *   24  u64  its bytes
 *   32  u64  offset of the machine state
 *   40  u64  its bytes; the file ends there
 *   48  u32  CRC-32C of all bytes from 64 on
 *   52  u32  CRC-32C of the 52 bytes before
 *   56  u64  0
 * </pre>
 *
 * <p>All numbers are little-endian.
 */
record SnapshotHeader(int rounds, long descriptionAt, long descriptionBytes, long stateAt, long stateBytes, int crc) {
    static final int BYTES = 64;

    private static final long MAGIC = 0x50414e5357444f47L;
    private static final int VERSION = 1;
    private static final int OWN_CRC = 52;

    MemorySegment encode(Arena arena) {
        MemorySegment out = arena.allocate(BYTES);
        out.set(U64, 0, MAGIC);
        out.set(U32, 8, VERSION);
        out.set(U32, 12, rounds);
        out.set(U64, 16, descriptionAt);
        out.set(U64, 24, descriptionBytes);
        out.set(U64, 32, stateAt);
        out.set(U64, 40, stateBytes);
        out.set(U32, 48, crc);
        out.set(U32, OWN_CRC, crcOf(out.asSlice(0, OWN_CRC)));
        return out;
    }

    /**
     * Reads and checks the header of a whole file.
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
        SnapshotHeader header = new SnapshotHeader(
                file.get(U32, 12),
                file.get(U64, 16),
                file.get(U64, 24),
                file.get(U64, 32),
                file.get(U64, 40),
                file.get(U32, 48));
        boolean whole = file.get(U32, OWN_CRC) == crcOf(file.asSlice(0, OWN_CRC))
                && inside(header.descriptionAt, header.descriptionBytes, header.stateAt)
                && header.descriptionBytes <= Offer.MAX_BYTES
                && inside(header.stateAt, header.stateBytes, file.byteSize())
                && header.stateBytes <= Integer.MAX_VALUE - 8
                && header.rounds > 0
                && header.crc == crcOf(file.asSlice(BYTES));
        if (!whole) {
            throw bad(name, "is damaged: its checksum is wrong");
        }
        return header;
    }

    private static boolean inside(long offset, long bytes, long end) {
        return offset >= BYTES && bytes > 0 && offset <= end && bytes <= end - offset;
    }

    static int crcOf(MemorySegment bytes) {
        CRC32C crc = new CRC32C();
        int step = 64 << 20;
        for (long at = 0; at < bytes.byteSize(); at += step) {
            crc.update(bytes.asSlice(at, Math.min(step, bytes.byteSize() - at)).asByteBuffer());
        }
        return (int) crc.getValue();
    }

    private static TransportException bad(String name, String what) {
        return new TransportException(Kind.MALFORMED, "snapshot " + name + " " + what);
    }
}
