package dev.godwit.host.boot;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/**
 * A PVH image: an ELF64 x86-64 executable with the Xen note that names its 32-bit physical entry point.
 *
 * <p>Everything in the file is hostile until checked here; what a {@code PvhImage} holds is in bounds.
 *
 * <p>Sources: the System V ABI's ELF chapter; Xen's {@code xen/include/public/elfnote.h}
 * ({@code XEN_ELFNOTE_PHYS32_ENTRY}) and {@code docs/misc/pvh.pandoc}.
 *
 * @param name how messages name the image
 * @param file the whole file
 * @param entry guest-physical address of the 32-bit entry point
 * @param segments what to load, in ascending order, none overlapping another
 */
public record PvhImage(String name, MemorySegment file, long entry, List<Segment> segments) {
    /**
     * A loadable segment.
     *
     * @param address guest-physical start
     * @param fileOffset where its bytes start in the file
     * @param fileBytes bytes to copy; the rest of {@code memoryBytes} is zero
     * @param memoryBytes bytes it takes in guest memory, at least {@code fileBytes}
     */
    public record Segment(long address, long fileOffset, long fileBytes, long memoryBytes) {
        long end() {
            return address + memoryBytes;
        }
    }

    private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private static final int MAGIC = 0x464c457f;
    private static final int HEADER_BYTES = 64;
    private static final int PROGRAM_HEADER_BYTES = 56;
    private static final int PT_LOAD = 1;
    private static final int PT_NOTE = 4;
    private static final int XEN = 0x006e6558;
    private static final int PHYS32_ENTRY = 18;

    /** Above this a "physical address" is nonsense; also keeps sums of two fields positive. */
    private static final long ADDRESS_LIMIT = 1L << 46;

    public PvhImage {
        segments = List.copyOf(segments);
    }

    /**
     * Reads an image; the file is mapped for as long as {@code arena} lives.
     *
     * @throws ImageException when it cannot be read or is no PVH image
     */
    public static PvhImage open(Path path, Arena arena) {
        if (Files.isDirectory(path)) {
            throw new ImageException("image " + path + " is a directory; a PVH ELF64 file is needed");
        }
        if (Files.exists(path) && !Files.isRegularFile(path)) {
            // Opening a pipe would wait for its writer.
            throw new ImageException("image " + path + " is no regular file; a PVH ELF64 file is needed");
        }
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            long size = channel.size();
            MemorySegment file =
                    size == 0 ? MemorySegment.NULL : channel.map(FileChannel.MapMode.READ_ONLY, 0, size, arena);
            return parse(path.toString(), file);
        } catch (NoSuchFileException e) {
            throw new ImageException("image " + path + " does not exist");
        } catch (AccessDeniedException e) {
            throw new ImageException("image " + path + " may not be read: permission denied");
        } catch (IOException e) {
            throw new ImageException("image " + path + " cannot be read: " + e.getMessage());
        }
    }

    /**
     * Parses an image in memory.
     *
     * @throws ImageException when it is no PVH image
     */
    public static PvhImage parse(String name, MemorySegment file) {
        try {
            return new Parser(name, file).parse();
        } catch (InternalError e) {
            throw cutShort(name);
        }
    }

    /** For the error by which the JVM says that a mapped file has lost the part that was read. */
    static ImageException cutShort(String name) {
        return new ImageException("image " + name + " was cut short while it was read");
    }

    /** The first guest-physical address that no segment reaches. */
    public long end() {
        return segments.getLast().end();
    }

    private record Parser(String name, MemorySegment file) {
        PvhImage parse() {
            checkHeader();
            long table = file.get(U64, 32);
            int count = file.get(U16, 56) & 0xffff;
            int entryBytes = file.get(U16, 54) & 0xffff;
            if (count == 0) {
                throw bad("has no program headers: nothing to load");
            }
            if (entryBytes != PROGRAM_HEADER_BYTES) {
                throw bad("has program headers of " + entryBytes + " bytes; ELF64 has " + PROGRAM_HEADER_BYTES);
            }
            checkRange(table, (long) count * PROGRAM_HEADER_BYTES, "the program header table");
            List<Segment> segments = new ArrayList<>();
            long entry = -1;
            for (int i = 0; i < count; i++) {
                long at = table + (long) i * PROGRAM_HEADER_BYTES;
                int type = file.get(U32, at);
                if (type == PT_LOAD && file.get(U64, at + 40) != 0) {
                    segments.add(segment(at, i));
                } else if (type == PT_NOTE && entry < 0) {
                    entry = noteEntry(file.get(U64, at + 8), file.get(U64, at + 32));
                }
            }
            return checked(segments, entry);
        }

        private void checkHeader() {
            long size = file.byteSize();
            if (size == 0) {
                throw bad("is empty");
            }
            if (size < 4 || file.get(U32, 0) != MAGIC) {
                throw bad("is not an ELF file; a PVH ELF64 executable is needed (a bzImage holds one: vmlinux)");
            }
            if (size < HEADER_BYTES) {
                throw bad("is truncated: " + size + " bytes are less than an ELF64 header");
            }
            if (file.get(ValueLayout.JAVA_BYTE, 4) != 2) {
                throw bad("is ELF32; ELF64 is needed");
            }
            if (file.get(ValueLayout.JAVA_BYTE, 5) != 1 || (file.get(U16, 18) & 0xffff) != 62) {
                throw bad("is not for x86-64");
            }
        }

        private Segment segment(long at, int index) {
            long offset = file.get(U64, at + 8);
            long address = file.get(U64, at + 24);
            long fileBytes = file.get(U64, at + 32);
            long memoryBytes = file.get(U64, at + 40);
            checkRange(offset, fileBytes, "segment " + index);
            if (address < 0 || address >= ADDRESS_LIMIT || memoryBytes < fileBytes || memoryBytes >= ADDRESS_LIMIT) {
                throw bad("has an impossible segment " + index + ": address 0x" + Long.toHexString(address) + ", "
                        + fileBytes + " bytes in the file, " + Long.toUnsignedString(memoryBytes) + " in memory");
            }
            return new Segment(address, offset, fileBytes, memoryBytes);
        }

        /** The PVH entry in a note segment, or -1. */
        private long noteEntry(long start, long length) {
            checkRange(start, length, "a note segment");
            long at = start;
            long end = start + length;
            while (end - at >= 12) {
                long nameBytes = Integer.toUnsignedLong(file.get(U32, at));
                long descriptionBytes = Integer.toUnsignedLong(file.get(U32, at + 4));
                int type = file.get(U32, at + 8);
                long description = at + 12 + align4(nameBytes);
                long next = description + align4(descriptionBytes);
                if (description > end || next > end + 3) {
                    throw bad("has a note that runs out of its segment");
                }
                if (type == PHYS32_ENTRY && nameBytes == 4 && file.get(U32, at + 12) == XEN) {
                    if ((descriptionBytes != 4 && descriptionBytes != 8) || description + descriptionBytes > end) {
                        throw bad("has a PVH note of " + descriptionBytes + " bytes; 4 or 8 are right");
                    }
                    // A 32-bit address, also where the note is 8 bytes wide.
                    return Integer.toUnsignedLong(file.get(U32, description));
                }
                at = next;
            }
            return -1;
        }

        private PvhImage checked(List<Segment> segments, long entry) {
            if (entry < 0) {
                throw bad("has no PVH entry note (Xen, type " + PHYS32_ENTRY + "): it cannot be started directly");
            }
            if (segments.isEmpty()) {
                throw bad("has no loadable segment");
            }
            segments.sort((a, b) -> Long.compare(a.address, b.address));
            for (int i = 1; i < segments.size(); i++) {
                if (segments.get(i).address < segments.get(i - 1).end()) {
                    throw bad("has overlapping segments at 0x" + Long.toHexString(segments.get(i).address));
                }
            }
            if (segments.stream().noneMatch(s -> entry >= s.address && entry < s.end())) {
                throw bad("has its PVH entry 0x" + Long.toHexString(entry) + " outside its segments");
            }
            return new PvhImage(name, file, entry, segments);
        }

        private void checkRange(long offset, long length, String what) {
            if (offset < 0 || length < 0 || offset > file.byteSize() - length) {
                throw bad("is truncated: " + what + " ends beyond its " + file.byteSize() + " bytes");
            }
        }

        private ImageException bad(String what) {
            return new ImageException("image " + name + " " + what);
        }

        private static long align4(long value) {
            return (value + 3) & ~3L;
        }
    }
}
