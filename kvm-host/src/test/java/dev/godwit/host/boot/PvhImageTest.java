package dev.godwit.host.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.images.GuestImage;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Good images are read; every bad one gets its one line. */
class PvhImageTest {
    private static final long SEED = Long.getLong("godwit.test.seed", System.nanoTime());
    private static final int MUTATIONS = 200_000;

    @TempDir
    private Path folder;

    @Test
    void aGoodImageIsRead() {
        PvhImage image = Elf.parse(Elf.good());
        assertEquals(Elf.ENTRY, image.entry());
        assertEquals(
                List.of(
                        new PvhImage.Segment(0x100000, Elf.NOTE + 20, 16, 16),
                        new PvhImage.Segment(0x110000, Elf.NOTE + 36, 16, 4096)),
                image.segments());
        assertEquals(0x111000, image.end());
    }

    @ParameterizedTest
    @EnumSource
    void theProjectsImagesAreRead(GuestImage guest) {
        PvhImage image = PvhImage.parse(guest.imageName(), MemorySegment.ofArray(guest.bytes()));
        assertTrue(image.entry() >= 1 << 20);
        assertTrue(image.end() <= 4 << 20, "boots in 4 MiB");
    }

    @Test
    void badFilesAreNamed() throws IOException {
        Path missing = folder.resolve("missing");
        assertEquals("image " + missing + " does not exist", message(missing));
        assertEquals("image " + folder + " is a directory; a PVH ELF64 file is needed", message(folder));
        Path empty = Files.createFile(folder.resolve("empty"));
        assertEquals("image " + empty + " is empty", message(empty));
        Path text = Files.writeString(folder.resolve("text"), "#!/bin/sh\n");
        assertEquals(
                "image " + text
                        + " is not an ELF file; a PVH ELF64 executable is needed (a bzImage holds one: vmlinux)",
                message(text));
        assertEquals("image /dev/null is no regular file; a PVH ELF64 file is needed", message(Path.of("/dev/null")));
    }

    @Test
    @Timeout(20)
    void aPipeIsNotWaitedFor() throws Exception {
        Path pipe = folder.resolve("pipe");
        assertEquals(0, new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor());
        assertEquals("image " + pipe + " is no regular file; a PVH ELF64 file is needed", message(pipe));
    }

    @Test
    void aFileThatShrinksWhileItIsReadIsNamed() throws IOException {
        Path file = Files.write(folder.resolve("shrinks"), new byte[1 << 20]);
        try (Arena arena = Arena.ofConfined();
                FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            MemorySegment mapped = channel.map(FileChannel.MapMode.READ_ONLY, 0, 1 << 20, arena);
            channel.truncate(0);
            assertEquals(
                    "image it was cut short while it was read",
                    assertThrows(ImageException.class, () -> PvhImage.parse("it", mapped))
                            .getMessage());
        }
    }

    private static String message(Path path) {
        try (Arena arena = Arena.ofConfined()) {
            return assertThrows(ImageException.class, () -> PvhImage.open(path, arena))
                    .getMessage();
        }
    }

    @Test
    void wrongHeadersAreNamed() {
        wrong("is ELF32; ELF64 is needed", elf -> elf.put(4, (byte) 1));
        wrong("is not for x86-64", elf -> elf.putShort(18, (short) 183));
        wrong("is not for x86-64", elf -> elf.put(5, (byte) 2));
        wrong("has no program headers: nothing to load", elf -> elf.putShort(56, (short) 0));
        wrong("has program headers of 32 bytes; ELF64 has 56", elf -> elf.putShort(54, (short) 32));
        String table = "is truncated: the program header table ends beyond its 284 bytes";
        wrong(table, elf -> elf.putLong(32, 1 << 20));
        wrong(table, elf -> elf.putLong(32, -8));
        wrong(table, elf -> elf.putLong(32, Long.MAX_VALUE));
        wrong(table, elf -> elf.putShort(56, (short) -1));
    }

    @Test
    void wrongSegmentsAreNamed() {
        int first = Elf.programHeader(0);
        int second = Elf.programHeader(1);
        String beyond = "is truncated: segment 0 ends beyond its 284 bytes";
        wrong(beyond, elf -> elf.putLong(first + Elf.OFFSET, 280));
        wrong(beyond, elf -> elf.putLong(first + Elf.OFFSET, Long.MAX_VALUE));
        wrong(beyond, elf -> elf.putLong(first + Elf.OFFSET, -1));
        wrong(beyond, elf -> elf.putLong(first + Elf.FILE_BYTES, Long.MAX_VALUE));
        wrong(beyond, elf -> elf.putLong(first + Elf.FILE_BYTES, -1));
        String impossible = "has an impossible segment 0: address 0x";
        wrong(impossible, elf -> elf.putLong(first + Elf.ADDRESS, -1));
        wrong(impossible, elf -> elf.putLong(first + Elf.ADDRESS, 1L << 46));
        wrong(impossible, elf -> elf.putLong(first + Elf.MEMORY_BYTES, 15));
        wrong(impossible, elf -> elf.putLong(first + Elf.MEMORY_BYTES, -1));
        wrong(impossible, elf -> elf.putLong(first + Elf.MEMORY_BYTES, Long.MAX_VALUE));
        wrong("has overlapping segments at 0x100008", elf -> elf.putLong(second + Elf.ADDRESS, 0x100008));
        wrong("has overlapping segments at 0x110000", elf -> elf.putLong(first + Elf.MEMORY_BYTES, 0x10001));
        wrong("has no loadable segment", elf -> elf.putInt(first, 0).putInt(second, 0));
    }

    @Test
    void wrongNotesAreNamed() {
        int note = Elf.programHeader(2);
        String none = "has no PVH entry note (Xen, type 18): it cannot be started directly";
        wrong(none, elf -> elf.putInt(note, 0));
        wrong(none, elf -> elf.putLong(note + Elf.FILE_BYTES, 0));
        wrong(none, elf -> elf.putInt(Elf.NOTE + 8, 17));
        wrong(none, elf -> elf.putInt(Elf.NOTE + 12, 0x006e6559));
        wrong("is truncated: a note segment ends beyond its 284 bytes", elf -> elf.putLong(note + Elf.OFFSET, 270));
        wrong("has a note that runs out of its segment", elf -> elf.putInt(Elf.NOTE, -1));
        wrong("has a note that runs out of its segment", elf -> elf.putInt(Elf.NOTE + 4, -1));
        wrong("has a PVH note of 2 bytes; 4 or 8 are right", elf -> elf.putInt(Elf.NOTE + 4, 2));
        wrong("has its PVH entry 0x200000 outside its segments", elf -> elf.putInt(Elf.NOTE + 16, 0x200000));
        wrong("has its PVH entry 0xffffffff outside its segments", elf -> elf.putInt(Elf.NOTE + 16, -1));
    }

    private static void wrong(String expected, Consumer<ByteBuffer> change) {
        ByteBuffer elf = Elf.good();
        change.accept(elf);
        String message =
                assertThrows(ImageException.class, () -> Elf.parse(elf)).getMessage();
        assertTrue(message.startsWith("image x.elf " + expected), message);
        assertFalse(message.contains("\n"), message);
    }

    @Test
    void truncatedAtEveryByteItIsRefused() {
        byte[] elf = Elf.bytes(Elf.good());
        for (int length = 0; length < elf.length; length++) {
            MemorySegment file = MemorySegment.ofArray(Arrays.copyOf(elf, length));
            String message = assertThrows(ImageException.class, () -> PvhImage.parse("x", file), length + " bytes")
                    .getMessage();
            assertTrue(message.contains("truncated") || message.contains("empty") || length < 4, message);
        }
    }

    @Test
    void aGuestImageCutAnywhereIsRefusedOrHoldsAllItLoads() {
        byte[] elf = GuestImage.DIRTIER.bytes();
        PvhImage whole = PvhImage.parse("x", MemorySegment.ofArray(elf));
        long needed = whole.segments().stream()
                .mapToLong(s -> s.fileOffset() + s.fileBytes())
                .max()
                .orElseThrow();
        MemorySegment file = MemorySegment.ofArray(elf);
        for (int length = 0; length < elf.length; length++) {
            MemorySegment part = file.asSlice(0, length);
            if (length < needed) {
                assertThrows(ImageException.class, () -> PvhImage.parse("x", part), length + " bytes");
            } else {
                assertEquals(whole.segments(), PvhImage.parse("x", part).segments());
            }
        }
    }

    /** Whatever a file holds, it is refused in one line, or what came out of it is in bounds. */
    @Test
    void mutatedImagesDoNoHarm() {
        Random random = new Random(SEED);
        long[] nasty = {0, 1, -1, 3, 255, 0x7fffffff, 0x80000000L, 1L << 46, Long.MAX_VALUE, Long.MIN_VALUE};
        int accepted = 0;
        for (int i = 0; i < MUTATIONS; i++) {
            ByteBuffer elf = Elf.good();
            for (int n = 1 + random.nextInt(4); n > 0; n--) {
                int at = random.nextInt(elf.capacity() - 8);
                switch (random.nextInt(3)) {
                    case 0 -> elf.put(at, (byte) random.nextInt());
                    case 1 -> elf.putLong(at & -8, nasty[random.nextInt(nasty.length)]);
                    default -> elf.putInt(at & -4, (int) nasty[random.nextInt(nasty.length)]);
                }
            }
            try {
                checkBounds(Elf.parse(elf), elf.capacity());
                accepted++;
            } catch (ImageException e) {
                assertFalse(e.getMessage().contains("\n"), e.getMessage());
            } catch (RuntimeException e) {
                throw new AssertionError("seed " + SEED + ", image " + i, e);
            }
        }
        assertTrue(accepted > 100 && accepted < MUTATIONS, accepted + " accepted, seed " + SEED);
    }

    private static void checkBounds(PvhImage image, long fileBytes) {
        long end = 0;
        for (PvhImage.Segment s : image.segments()) {
            boolean right = s.address() >= end
                    && s.memoryBytes() >= s.fileBytes()
                    && s.fileBytes() >= 0
                    && s.fileOffset() >= 0
                    && s.fileOffset() <= fileBytes - s.fileBytes()
                    && s.end() > s.address();
            assertTrue(right, s + ", seed " + SEED);
            end = s.end();
        }
        long entry = image.entry();
        assertTrue(image.segments().stream().anyMatch(s -> entry >= s.address() && entry < s.end()));
    }
}
