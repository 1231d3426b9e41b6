package dev.godwit.images;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class GuestImageTest {
    private static final int PT_LOAD = 1;
    private static final int PT_NOTE = 4;
    private static final long MEBIBYTE = 1 << 20;

    @ParameterizedTest
    @EnumSource
    void isAnElf64ExecutableForX86(GuestImage image) {
        ByteBuffer elf = elf(image);
        assertEquals(0x464c457f, elf.getInt(0), "magic");
        assertEquals(2, elf.get(4), "64 bits");
        assertEquals(1, elf.get(5), "little-endian");
        assertEquals(2, elf.getShort(16), "executable, not relocatable");
        assertEquals(62, elf.getShort(18), "x86-64");
    }

    @ParameterizedTest
    @EnumSource
    void hasThePvhEntryNoteAndItsEntryLiesInASegment(GuestImage image) {
        ByteBuffer elf = elf(image);
        int note = (int) elf.getLong(headerOf(elf, PT_NOTE) + 8);
        assertEquals(4, elf.getInt(note), "name size");
        assertEquals(8, elf.getInt(note + 4), "descriptor size");
        assertEquals(18, elf.getInt(note + 8), "XEN_ELFNOTE_PHYS32_ENTRY");
        byte[] name = new byte[4];
        elf.get(note + 12, name);
        assertEquals("Xen\0", new String(name, StandardCharsets.US_ASCII));
        long entry = elf.getLong(note + 16);
        int text = headerOf(elf, PT_LOAD);
        long start = elf.getLong(text + 24);
        assertTrue(entry >= start && entry < start + elf.getLong(text + 32), "entry " + Long.toHexString(entry));
        assertEquals(entry, elf.getLong(24), "the ELF header's entry");
    }

    @ParameterizedTest
    @EnumSource
    void needsOnlyTheFourMebibytesAboveTheFirst(GuestImage image) {
        ByteBuffer elf = elf(image);
        int count = elf.getShort(56);
        for (int i = 0; i < count; i++) {
            int header = header(elf, i);
            if (elf.getInt(header) == PT_LOAD) {
                long address = elf.getLong(header + 24);
                assertTrue(address >= MEBIBYTE && address + elf.getLong(header + 40) <= 5 * MEBIBYTE);
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void hasTheHashThatIsListed(GuestImage image) throws IOException {
        try (InputStream in = GuestImage.class.getResourceAsStream("/dev/godwit/images/SHA256SUMS")) {
            String sums = new String(in.readAllBytes(), StandardCharsets.UTF_8);
            assertTrue(sums.lines().anyMatch((image.sha256() + "  " + image.fileName())::equals), sums);
        }
    }

    @ParameterizedTest
    @EnumSource
    void isFoundByName(GuestImage image) {
        assertEquals(Optional.of(image), GuestImage.named(image.imageName()));
    }

    @Test
    void unknownNamesAreNoImage() {
        assertEquals(Optional.empty(), GuestImage.named("HELLO"));
        assertEquals(Optional.empty(), GuestImage.named(""));
    }

    @Test
    void pathHoldsTheBytes() throws IOException {
        assertArrayEquals(GuestImage.HELLO.bytes(), Files.readAllBytes(GuestImage.HELLO.path()));
        assertEquals(GuestImage.HELLO.path(), GuestImage.HELLO.path());
    }

    @Test
    void aDamagedCacheEntryIsReplaced(@TempDir Path folder) throws IOException {
        ImageCache cache = new ImageCache(folder);
        byte[] content = {1, 2, 3};
        Path file = cache.put("x", content);
        Files.write(file, new byte[] {1, 2});
        assertEquals(file, cache.put("x", content));
        assertArrayEquals(content, Files.readAllBytes(file));
        try (var files = Files.list(folder)) {
            assertEquals(1, files.count(), "nothing else is left in the cache");
        }
    }

    private static ByteBuffer elf(GuestImage image) {
        return ByteBuffer.wrap(image.bytes()).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static int header(ByteBuffer elf, int index) {
        return (int) elf.getLong(32) + index * elf.getShort(54);
    }

    private static int headerOf(ByteBuffer elf, int type) {
        int count = elf.getShort(56);
        for (int i = 0; i < count; i++) {
            if (elf.getInt(header(elf, i)) == type) {
                return header(elf, i);
            }
        }
        throw new AssertionError("no program header of type " + type);
    }
}
