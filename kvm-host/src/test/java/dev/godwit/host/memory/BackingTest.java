package dev.godwit.host.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.bindings.linux.MemoryCalls;
import dev.godwit.bindings.linux.SystemCallException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What {@link Backing} says, against what {@code mincore} and {@code /proc/self/smaps} say. */
class BackingTest {
    private static final long SEED = Long.getLong("godwit.test.seed", System.nanoTime());
    private static final long BYTES = (64L << 20) + 5 * PageSize.SMALL;

    @ParameterizedTest
    @EnumSource(
            value = LargePages.class,
            names = {"THP", "NONE"})
    void agreesWithTheKernelsOtherViews(LargePages largePages) throws IOException {
        Random random = new Random(SEED);
        try (GuestMemory memory = GuestMemory.allocate(BYTES, largePages);
                Arena arena = Arena.ofConfined()) {
            compare(arena, memory, "untouched");
            for (int i = 0; i < 8; i++) {
                // Low more often than high.
                long at = random.nextLong(1 + random.nextLong(BYTES));
                memory.segment().set(ValueLayout.JAVA_BYTE, at, (byte) 1);
                compare(arena, memory, "a little");
            }
            for (int i = 0; i < 40; i++) {
                memory.segment().set(ValueLayout.JAVA_BYTE, random.nextLong(BYTES), (byte) 1);
            }
            // Holes in what may be large pages split them.
            for (int i = 0; i < 5; i++) {
                long page = random.nextLong(memory.pages());
                SystemCallException.check(
                        MemoryCalls.madvise(
                                memory.hva() + page * PageSize.SMALL, PageSize.SMALL, MemoryCalls.MADV_DONTNEED),
                        "madvise");
            }
            Backing backing = compare(arena, memory, "touched");
            assertTrue(backing.resident().cardinality() > 0);
            memory.segment().fill((byte) 1);
            assertEquals(
                    memory.pages(), compare(arena, memory, "full").resident().cardinality());
        }
    }

    /**
     * A guest that only reads gets the kernel's shared page of zeros: nothing of its own. Small pages only: not every
     * kernel with PAGEMAP_SCAN tells the large page of zeros from others.
     */
    @Test
    void whatWasOnlyReadDoesNotExist() {
        try (GuestMemory memory = GuestMemory.allocate(BYTES, LargePages.NONE);
                Arena arena = Arena.ofConfined()) {
            long sum = 0;
            for (long page = 0; page < memory.pages(); page++) {
                sum += memory.segment().get(ValueLayout.JAVA_BYTE, page * PageSize.SMALL);
            }
            assertEquals(0, sum);
            assertTrue(Backing.scan(arena, memory).resident().isEmpty());
            assertEquals(memory.pages(), Backing.end(memory), "but it is mapped");
        }
    }

    private static Backing compare(Arena arena, GuestMemory memory, String when) throws IOException {
        String where = when + ", seed " + SEED;
        Backing backing = Backing.scan(arena, memory);
        assertTrue(backing.knowsLarge(), "PAGEMAP_SCAN of Linux 6.7");
        if (difference(arena, memory, backing) != null) {
            // The kernel may have made a large page of small ones between two looks: that is not likely twice.
            backing = Backing.scan(arena, memory);
        }
        assertNull(difference(arena, memory, backing), where);
        assertEquals(end(backing.resident()), Backing.end(memory), where);
        return backing;
    }

    private static long end(PageSet resident) {
        long end = 0;
        for (long page = resident.next(0, resident.pages()); page < resident.pages(); ) {
            end = (page / PageSize.SMALL_PER_LARGE + 1) * PageSize.SMALL_PER_LARGE;
            page = resident.next(end, resident.pages());
        }
        return Math.min(end, resident.pages());
    }

    /** Between it and what the kernel's other views say now; null if there is none. */
    private static String difference(Arena arena, GuestMemory memory, Backing backing) throws IOException {
        MemorySegment vector = arena.allocate(memory.pages());
        SystemCallException.check(MemoryCalls.mincore(memory.hva(), memory.size(), vector.address()), "mincore");
        for (long page = 0; page < memory.pages(); page++) {
            boolean there = (vector.get(ValueLayout.JAVA_BYTE, page) & 1) != 0;
            if (there != backing.resident().contains(page)) {
                return "mincore: page " + page + (there ? " exists" : " does not exist");
            }
        }
        long large = largeBytesInSmaps(memory);
        return large == backing.largeBytes() ? null : "smaps: " + large + " bytes, not " + backing.largeBytes();
    }

    /** AnonHugePages of the mappings that lie in the RAM. */
    private static long largeBytesInSmaps(GuestMemory memory) throws IOException {
        long bytes = 0;
        boolean mine = false;
        for (String line : Files.readAllLines(Path.of("/proc/self/smaps"))) {
            int dash = line.indexOf('-');
            if (dash > 0 && line.charAt(0) >= '0' && Character.digit(line.charAt(0), 16) >= 0 && line.contains(" ")) {
                long start = Long.parseUnsignedLong(line, 0, dash, 16);
                mine = start >= memory.hva() && start < memory.hva() + memory.size();
            } else if (mine && line.startsWith("AnonHugePages:")) {
                bytes += Long.parseLong(line.replaceAll("[^0-9]", "")) << 10;
            }
        }
        return bytes;
    }
}
