package dev.godwit.agent.memoryhost;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;

/**
 * The file of a region's header: two slots, of which the one for even epochs is at 0 and the one for odd epochs at 4096.
 * A new epoch is written over the one before the last, into a block that is the file's already: that needs no room on a
 * full disk, and the last one is whole whatever happens meanwhile. A slot lies in one sector, which storage writes as a
 * whole: a slot that is neither a header nor untouched zeros has been damaged.
 */
final class HeaderFile {
    private static final int SLOT_BYTES = 4096;
    private static final int BYTES = 2 * SLOT_BYTES;

    private static final FileAttribute<?> OWNER_ONLY =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

    private HeaderFile() {}

    /**
     * Makes the file of a new region.
     *
     * @param unfinished another name in the same directory, which it has until it is complete
     */
    static void create(Path file, Path unfinished, RegionHeader header) throws IOException {
        Files.deleteIfExists(unfinished);
        ByteBuffer bytes = ByteBuffer.allocate(BYTES).put(slotAt(header.epoch()), header.encode());
        Set<StandardOpenOption> options = Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
        try (FileChannel channel = FileChannel.open(unfinished, options, OWNER_ONLY)) {
            write(channel, bytes, 0);
            channel.force(true);
        } catch (IOException e) {
            Files.deleteIfExists(unfinished);
            throw e;
        }
        Files.move(unfinished, file, StandardCopyOption.ATOMIC_MOVE);
    }

    /** Writes the header of the next epoch; it is on the storage on return. */
    static void update(Path file, RegionHeader header) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            write(channel, ByteBuffer.wrap(header.encode()), slotAt(header.epoch()));
            channel.force(false);
        }
    }

    private static void write(FileChannel channel, ByteBuffer bytes, long offset) throws IOException {
        while (bytes.hasRemaining()) {
            channel.write(bytes, offset + bytes.position());
        }
    }

    private static int slotAt(long epoch) {
        return (int) (epoch & 1) * SLOT_BYTES;
    }

    /**
     * Reads the header of the current epoch.
     *
     * @throws IOException when it is none; the message says why, without the file's name
     */
    static RegionHeader read(Path file) throws IOException {
        if (Files.size(file) != BYTES) {
            throw new IOException("is not a memory host's region");
        }
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file));
        RegionHeader even = slot(bytes, 0);
        RegionHeader odd = slot(bytes, 1);
        if (even == null && odd != null && odd.epoch() == 1) {
            return odd;
        }
        if (even == null || odd == null || Math.abs(even.epoch() - odd.epoch()) != 1) {
            throw new IOException("is damaged");
        }
        return even.epoch() > odd.epoch() ? even : odd;
    }

    /** The header in a slot, or null when nothing has been written there. */
    private static RegionHeader slot(ByteBuffer bytes, long epoch) throws IOException {
        byte[] slot = new byte[RegionHeader.BYTES];
        bytes.get(slotAt(epoch), slot);
        return ByteBuffer.wrap(slot).equals(ByteBuffer.allocate(slot.length)) ? null : RegionHeader.decode(slot);
    }
}
