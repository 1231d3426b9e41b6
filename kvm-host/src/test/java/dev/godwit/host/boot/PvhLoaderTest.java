package dev.godwit.host.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the guest finds in its memory at the entry. */
class PvhLoaderTest {
    private static final long MIB = 1 << 20;
    private static final long GIB = 1 << 30;

    private record Range(long address, long bytes, int type) {}

    @ParameterizedTest
    @ValueSource(longs = {2 * MIB, 2 * MIB + 4096, 64 * MIB, 3 * GIB, 3 * GIB + 4096, 5 * GIB})
    void theMemoryMapIsAllOfRam(long bytes) {
        try (GuestMemory memory = GuestMemory.allocate(bytes, LargePages.NONE)) {
            long info = PvhLoader.load(Elf.parse(Elf.good()), "a=1 b=ü", memory);
            List<Range> expected = new ArrayList<>(List.of(
                    new Range(0, 0x9fc00, 1),
                    new Range(0x9fc00, MIB - 0x9fc00, 2),
                    new Range(MIB, Math.min(bytes, 3 * GIB) - MIB, 1)));
            if (bytes > 3 * GIB) {
                expected.add(new Range(4 * GIB, bytes - 3 * GIB, 1));
            }
            assertEquals(expected, memoryMap(memory, info));
            long text = word(memory, info + 24);
            assertEquals("a=1 b=ü", memory.slice(text, 4096).getString(0));
        }
    }

    private static List<Range> memoryMap(GuestMemory memory, long info) {
        MemorySegment start = memory.slice(info, 56);
        assertEquals(0x336ec578, start.get(ValueLayout.JAVA_INT, 0));
        assertEquals(1, start.get(ValueLayout.JAVA_INT, 4));
        List<Range> ranges = new ArrayList<>();
        long map = start.get(ValueLayout.JAVA_LONG, 40);
        for (int i = 0; i < start.get(ValueLayout.JAVA_INT, 48); i++) {
            MemorySegment entry = memory.slice(map + i * 24L, 24);
            ranges.add(new Range(
                    entry.get(ValueLayout.JAVA_LONG, 0),
                    entry.get(ValueLayout.JAVA_LONG, 8),
                    entry.get(ValueLayout.JAVA_INT, 16)));
        }
        return ranges;
    }

    private static long word(GuestMemory memory, long gpa) {
        return memory.slice(gpa, 8).get(ValueLayout.JAVA_LONG, 0);
    }

    @Test
    void segmentsAreCopiedAndTheRestIsZero() {
        try (GuestMemory memory = GuestMemory.allocate(2 * MIB, LargePages.NONE)) {
            PvhLoader.load(Elf.parse(Elf.good()), "", memory);
            for (int i = 0; i < 16; i++) {
                assertEquals(16 + i, memory.slice(0x100000 + i, 1).get(ValueLayout.JAVA_BYTE, 0));
                assertEquals(32 + i, memory.slice(0x110000 + i, 1).get(ValueLayout.JAVA_BYTE, 0));
            }
            assertEquals(0, word(memory, 0x110010));
        }
    }

    @Test
    void aLoadAgainstTheGuestsMemoryIsRefusedInOneLine() {
        assertEquals("image x.elf needs memory up to 0x201000 (3 MiB), the guest has 2 MiB", refusal(0x200000));
        assertEquals("image x.elf needs memory up to 0xc0000fff (3073 MiB), the guest has 2 MiB", refusal(0xbfffffffL));
        assertTrue(refusal((1L << 46) - 1).startsWith("image x.elf needs memory up to 0x400000000fff"));
        assertEquals("image x.elf has a segment over 0x6000-0x8000, where the boot information goes", refusal(0x5001));
        assertEquals("image x.elf has a segment over 0x6000-0x8000, where the boot information goes", refusal(0x7fff));
    }

    @Test
    void aSegmentInTheDeviceHoleIsRefused() {
        ByteBuffer elf = Elf.good();
        elf.putLong(Elf.programHeader(1) + Elf.ADDRESS, 3 * GIB - 4095);
        PvhImage image = Elf.parse(elf);
        try (GuestMemory memory = GuestMemory.allocate(4 * GIB, LargePages.NONE)) {
            assertThrows(ImageException.class, () -> PvhLoader.load(image, "", memory));
        }
    }

    private static String refusal(long secondSegment) {
        ByteBuffer elf = Elf.good();
        elf.putLong(Elf.programHeader(1) + Elf.ADDRESS, secondSegment);
        return refusal(Elf.parse(elf), "");
    }

    private static String refusal(PvhImage image, String commandLine) {
        try (GuestMemory memory = GuestMemory.allocate(2 * MIB, LargePages.NONE)) {
            return assertThrows(ImageException.class, () -> PvhLoader.load(image, commandLine, memory))
                    .getMessage();
        }
    }

    @Test
    void commandLinesThatDoNotFitAreRefused() {
        PvhImage image = Elf.parse(Elf.good());
        assertEquals("the guest's command line has 4096 bytes; at most 4095 fit", refusal(image, "ü".repeat(2048)));
        assertEquals("the guest's command line contains a zero byte", refusal(image, "a\0b"));
        try (GuestMemory memory = GuestMemory.allocate(2 * MIB, LargePages.NONE)) {
            String longest = "x".repeat(PvhLoader.COMMAND_LINE_LIMIT);
            long info = PvhLoader.load(image, longest, memory);
            assertEquals(longest, memory.slice(word(memory, info + 24), 4096).getString(0));
        }
    }
}
