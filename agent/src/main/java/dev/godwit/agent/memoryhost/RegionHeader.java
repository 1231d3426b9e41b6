package dev.godwit.agent.memoryhost;

import dev.godwit.host.memory.PageSize;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.UUID;
import java.util.zip.CRC32C;

/**
 * What is known of a region besides its pages; little-endian in its file.
 *
 * <pre>
 *    0  u64  magic "GODWREGN"
 *    8  u32  version, 1
 *   12  u32  0
 *   16  16 bytes  id
 *   32  u64  pages of guest RAM
 *   40  u64  reserved, in pages
 *   48  u64  epoch
 *   56  u32  0
 *   60  u32  CRC-32C of the 60 bytes before
 * </pre>
 *
 * @param pages of guest RAM
 * @param reserved the most pages that it may hold at once
 * @param epoch the current one, from 1
 */
record RegionHeader(UUID id, long pages, long reserved, long epoch) {
    static final int BYTES = 64;

    /** 1 TiB. */
    static final long MAX_PAGES = 1L << (40 - PageSize.SMALL_SHIFT);

    private static final long MAGIC = 0x4e47455257444f47L;
    private static final int VERSION = 1;
    private static final int CHECKED_BYTES = 60;

    /** Whether there can be a region of this size. */
    static boolean isPossible(long pages, long reserved) {
        return pages >= 1 && pages <= MAX_PAGES && reserved >= 1 && reserved <= pages;
    }

    RegionHeader withEpoch(long other) {
        return new RegionHeader(id, pages, reserved, other);
    }

    byte[] encode() {
        byte[] bytes = new byte[BYTES];
        ByteBuffer.wrap(bytes)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(MAGIC)
                .putInt(VERSION)
                .putInt(0)
                .putLong(id.getMostSignificantBits())
                .putLong(id.getLeastSignificantBits())
                .putLong(pages)
                .putLong(reserved)
                .putLong(epoch)
                .putInt(0)
                .putInt(checksum(bytes));
        return bytes;
    }

    /**
     * Reads it.
     *
     * @param bytes {@link #BYTES} of them
     * @throws IOException when it is none; the message says why, without the file's name
     */
    static RegionHeader decode(byte[] bytes) throws IOException {
        ByteBuffer in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        if (in.getLong() != MAGIC) {
            throw new IOException("is not a memory host's region");
        }
        if (in.getInt(CHECKED_BYTES) != checksum(bytes)) {
            throw new IOException("is damaged");
        }
        int version = in.getInt();
        if (version != VERSION) {
            throw new IOException("is of version " + Integer.toUnsignedString(version) + ", not " + VERSION);
        }
        in.getInt();
        UUID id = new UUID(in.getLong(), in.getLong());
        RegionHeader header = new RegionHeader(id, in.getLong(), in.getLong(), in.getLong());
        if (!isPossible(header.pages, header.reserved) || header.epoch < 1) {
            throw new IOException("has impossible numbers: " + header);
        }
        return header;
    }

    private static int checksum(byte[] bytes) {
        CRC32C sum = new CRC32C();
        sum.update(bytes, 0, CHECKED_BYTES);
        return (int) sum.getValue();
    }
}
