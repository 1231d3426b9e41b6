package dev.godwit.host.device;

import static dev.godwit.host.device.FakeDriver.INDIRECT;
import static dev.godwit.host.device.FakeDriver.NEXT;
import static dev.godwit.host.device.FakeDriver.WRITE;
import static dev.godwit.host.device.FakeDriver.toRead;
import static dev.godwit.host.device.FakeDriver.toWrite;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.memory.MissingPages;
import dev.godwit.host.memory.PageSet;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Rings that a hostile guest writes: the device asks for a reset, and neither throws, loops nor strays. */
class HostileQueueTest {
    private static final long RAM = 1 << 20;
    private static final long TABLE = 0x6000;
    private static final int PAGE = 4096;

    private final GuestMemory memory = GuestMemory.allocate(RAM, LargePages.NONE);
    private final EchoDevice device = new EchoDevice();
    private final RecordingLine line = new RecordingLine();
    private final VirtioMmio transport = new VirtioMmio(new MmioSlot(0), device, memory, line);
    private final FakeDriver driver = new FakeDriver(memory, transport, 8);

    @BeforeEach
    void start() {
        driver.start();
    }

    @AfterEach
    void unmap() {
        memory.close();
    }

    private void assertRefused(String reason) {
        driver.kick();
        String fault = transport.fault().orElse("none");
        assertTrue(fault.contains(reason), fault);
        assertTrue((driver.get(VirtioMmio.STATUS) & VirtioMmio.NEEDS_RESET) != 0);
        assertEquals(VirtioMmio.INTERRUPT_CONFIG, driver.get(VirtioMmio.INTERRUPT_STATUS));
        assertTrue(line.level);
        driver.kick();
        assertEquals(0, device.served, "nothing is served until the reset");
        driver.start();
        driver.request(toWrite(0x8000, 1));
        driver.start();
        device.served = 0;
    }

    /** Else it could keep all of its memory here, whatever it may have. */
    @Test
    void ringsThatAreGivenUpMayLeave() {
        KeptPages kept = new KeptPages();
        transport.write(VirtioMmio.STATUS, 4, 0);
        memory.watch(kept);
        driver.start();
        long one = kept.pages;
        assertTrue(one > 0);
        driver.descriptors = 0x11000;
        driver.start();
        assertEquals(one, kept.pages, "after a reset");
        driver.set(VirtioMmio.QUEUE_READY, 0);
        driver.set(VirtioMmio.QUEUE_READY, 0);
        assertEquals(0, kept.pages);
        driver.set(VirtioMmio.QUEUE_DEVICE_HIGH, -1);
        driver.set(VirtioMmio.QUEUE_READY, 1);
        assertEquals(0, kept.pages, "of a queue that stays off");
    }

    private static final class KeptPages implements MissingPages {
        long pages;

        @Override
        public void keep(long first, long end) {
            pages += end - first;
        }

        @Override
        public void release(long first, long end) {
            pages -= end - first;
        }

        @Override
        public void use(long first, long end) {
            // For a while only.
        }

        @Override
        public long count() {
            return 0;
        }

        @Override
        public void giveUp() {
            throw new UnsupportedOperationException();
        }
    }

    @Test
    void aLoop() {
        driver.descriptor(driver.descriptors, 0, 0x8000, 1, NEXT, 1);
        driver.descriptor(driver.descriptors, 1, 0x8000, 1, NEXT, 0);
        driver.offer(0);
        assertRefused("more than 8 descriptors");
    }

    @Test
    void aDescriptorThatFollowsItself() {
        driver.descriptor(driver.descriptors, 0, 0x8000, 1, NEXT | WRITE, 0);
        driver.offer(0);
        assertRefused("more than 8 descriptors");
    }

    @Test
    void aHeadOrLinkOutsideTheTable() {
        driver.offer(8);
        assertRefused("descriptor 8 of a table of 8");
        driver.descriptor(driver.descriptors, 1, 0x8000, 1, NEXT, 0xffff);
        driver.offer(1);
        assertRefused("descriptor 65535 of a table of 8");
    }

    @Test
    void buffersOutsideRam() {
        long[][] buffers = {
            {RAM, 1},
            {RAM - 1, 2},
            {0, 0xffff_ffffL},
            {-1, 1},
            {-1, 2},
            {Long.MIN_VALUE, 1},
            {Long.MAX_VALUE, 0xffff_ffffL},
            {0xfeb0_0000L, 4},
            {1L << 32, 1},
            {0x8000, 0},
        };
        for (long[] buffer : buffers) {
            driver.offer(driver.chain(toRead(buffer[0], buffer[1])));
            assertRefused("buffer at 0x" + Long.toHexString(buffer[0]));
            driver.offer(driver.chain(toRead(0x8000, 1), toWrite(buffer[0], buffer[1])));
            assertRefused("buffer at 0x" + Long.toHexString(buffer[0]));
        }
    }

    @Test
    void aBufferToReadAfterOneToWrite() {
        driver.offer(driver.chain(toWrite(0x8000, 1), toRead(0x8000, 1)));
        assertRefused("to read after");
    }

    @Test
    void anIndexThatRunsAhead() {
        driver.availableIndex(9);
        assertRefused("9 ahead in a queue of 8");
        driver.availableIndex(0xffff);
        assertRefused("ahead in a queue of 8");
    }

    @Test
    void indirectTablesWork() {
        driver.put(0x8000, "wxyz");
        driver.descriptor(TABLE, 0, 0x8000, 4, NEXT, 5);
        driver.descriptor(TABLE, 5, 0x9000, 4, WRITE, 0);
        driver.descriptor(driver.descriptors, 0, TABLE, 6 * 16, INDIRECT, 0);
        driver.offer(0);
        driver.kick();
        assertEquals(4, driver.takeUsed(0));
        assertEquals("wxyz", driver.text(0x9000, 4));
        // Direct buffers may come before the table.
        driver.descriptor(driver.descriptors, 1, 0x8000, 2, NEXT, 2);
        driver.descriptor(driver.descriptors, 2, TABLE, 6 * 16, INDIRECT | WRITE, 0);
        driver.offer(1);
        driver.kick();
        assertEquals(4, driver.takeUsed(1));
        assertEquals("wxwx", driver.text(0x9000, 4));
    }

    @Test
    void malformedIndirectTables() {
        long[][] tables = {{TABLE, 0}, {TABLE, 15}, {TABLE, 17}, {RAM - 16, 32}, {-16, 16}, {0, 0xffff_fff0L}};
        for (long[] table : tables) {
            driver.descriptor(driver.descriptors, 0, table[0], (int) table[1], INDIRECT, 0);
            driver.offer(0);
            assertRefused("indirect table");
        }
        int[][] flags = {{INDIRECT | NEXT, 0}, {INDIRECT, INDIRECT}};
        for (int[] pair : flags) {
            driver.descriptor(driver.descriptors, 0, TABLE, 16, pair[0], 0);
            driver.descriptor(TABLE, 0, TABLE, 16, pair[1], 0);
            driver.offer(0);
            assertRefused("where none may be");
        }
        driver.descriptor(driver.descriptors, 0, TABLE, 32, INDIRECT, 0);
        driver.descriptor(TABLE, 0, 0x8000, 1, NEXT, 1);
        driver.descriptor(TABLE, 1, 0x8000, 1, NEXT, 0);
        driver.offer(0);
        assertRefused("more than 8 descriptors");
    }

    @Test
    void aChainIsAtMostAsLongAsTheQueue() {
        for (int i = 0; i < 9; i++) {
            driver.descriptor(TABLE, i, 0x8000 + i, 1, WRITE | (i < 7 ? NEXT : 0), i + 1);
        }
        driver.descriptor(driver.descriptors, 0, TABLE, 9 * 16, INDIRECT, 0);
        driver.offer(0);
        driver.kick();
        assertEquals(8, driver.takeUsed(0));
        driver.start();
        device.served = 0;
        driver.descriptor(TABLE, 7, 0x8007, 1, WRITE | NEXT, 8);
        driver.offer(0);
        assertRefused("more than 8 descriptors");
    }

    @Test
    void theUsedRingIsMarkedAcrossPages() {
        driver.used = 0x4ffc; // flags and index end the page, the elements begin the next
        driver.start();
        try (Arena arena = Arena.ofConfined()) {
            PageSet marked = new PageSet(arena, memory.pages());
            memory.drainWritten(marked);
            marked.clear();
            driver.request(toRead(0x8000, 1));
            memory.drainWritten(marked);
            assertTrue(marked.contains(4) && marked.contains(5));
            assertEquals(2, marked.cardinality());
        }
    }

    @Test
    void indirectTablesMustHaveBeenAgreedOn() {
        driver.start(VirtioMmio.FEATURE_VERSION_1);
        driver.descriptor(driver.descriptors, 0, TABLE, 16, INDIRECT, 0);
        driver.offer(0);
        driver.kick();
        assertTrue(transport.fault().orElse("").contains("where none may be"));
    }

    @Test
    void aRoundIsBoundedThoughTheGuestKeepsAdding() {
        // The device overwrites the available index: each request makes another one available.
        driver.put(0x8000, "\5\0");
        driver.offer(driver.chain(toRead(0x8000, 2), toWrite(driver.available + 2, 2)));
        driver.kick();
        assertEquals(1, device.served);
        assertTrue(transport.fault().isEmpty());
        driver.kick();
        assertTrue(device.served <= 6, "served " + device.served);
    }

    /** What the device wrote must have been marked, whatever the rings look like. */
    @Test
    void randomRingsThrowNothingAndEveryWriteIsMarked() {
        long seed = System.nanoTime();
        System.out.println("HostileQueueTest ring fuzz seed " + seed);
        SplittableRandom random = new SplittableRandom(seed);
        int served = 0;
        int faults = 0;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment before = arena.allocate(RAM);
            PageSet marked = new PageSet(arena, memory.pages());
            for (int round = 0; round < 3000; round++) {
                driver.start();
                device.served = 0;
                scribble(random);
                before.copyFrom(driver.ram);
                marked.clear();
                memory.drainWritten(marked);
                marked.clear();
                driver.kick();
                driver.kick();
                memory.drainWritten(marked);
                for (long page = 0; page < memory.pages(); page++) {
                    long at = page * PAGE;
                    if (!marked.contains(page)) {
                        assertEquals(
                                -1,
                                before.asSlice(at, PAGE).mismatch(driver.ram.asSlice(at, PAGE)),
                                "page " + page + " was written and not marked, seed " + seed);
                    }
                }
                served += device.served;
                faults += transport.fault().isPresent() ? 1 : 0;
            }
        }
        assertTrue(served > 100 && faults > 100, served + " served, " + faults + " faults, seed " + seed);
    }

    private void scribble(SplittableRandom random) {
        for (int i = 0; i < 8; i++) {
            randomDescriptor(random, driver.descriptors, i, 8);
            randomDescriptor(random, TABLE, i, 8);
        }
        int heads = 1 + random.nextInt(8);
        for (int i = 0; i < heads; i++) {
            driver.offer(random.nextInt(20) == 0 ? random.nextInt(0x10000) : random.nextInt(8));
        }
        if (random.nextInt(10) == 0) {
            driver.availableIndex(random.nextInt(0x10000));
        }
        if (random.nextInt(10) == 0) {
            for (int i = 0; i < 64; i++) {
                driver.ram.set(
                        ValueLayout.JAVA_BYTE, driver.descriptors + random.nextInt(128), (byte) random.nextInt());
            }
        }
    }

    private void randomDescriptor(SplittableRandom random, long table, int index, int count) {
        int flags = random.nextInt(3) == 0 ? NEXT : 0;
        flags |= random.nextInt(2) == 0 ? WRITE : 0;
        long address = random.nextLong(RAM);
        int length = 1 + random.nextInt(5000);
        switch (random.nextInt(16)) {
            case 0 -> {
                flags = INDIRECT;
                address = TABLE;
                length = 16 * (1 + random.nextInt(8));
            }
            case 1 -> address = random.nextLong();
            case 2 -> length = random.nextInt();
            case 3 -> flags = random.nextInt(0x10000);
            default -> {
                // well-formed, though it may overwrite the rings themselves
            }
        }
        driver.descriptor(table, index, address, length, flags, random.nextInt(count));
    }
}
