package dev.godwit.host.device;

import static dev.godwit.host.device.FakeDriver.toRead;
import static dev.godwit.host.device.FakeDriver.toWrite;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.memory.PageSet;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class VirtioBlockTest {
    private static final int SECTORS = 64;
    private static final long HEADER = 0x8000;
    private static final long STATUS = 0x8100;
    private static final long DATA = 0x10000;
    private static final int UNTOUCHED = 0xff;

    @TempDir
    Path directory;

    private final GuestMemory memory = GuestMemory.allocate(32 << 20, LargePages.NONE);
    private final byte[] contents = new byte[SECTORS * VirtioBlock.SECTOR];
    private Path path;
    private VirtioBlock disk;
    private VirtioMmio transport;
    private FakeDriver driver;

    @BeforeEach
    void start() throws IOException {
        new SplittableRandom(1).nextBytes(contents);
        path = directory.resolve("disk-with-a-long-name.img");
        Files.write(path, contents);
        attach(false);
        driver.start();
    }

    @AfterEach
    void close() throws IOException {
        disk.close();
        memory.close();
    }

    private void attach(boolean readOnly) {
        disk = VirtioBlock.open(path, readOnly);
        transport = new VirtioMmio(new MmioSlot(0), disk, memory, InterruptLine.NONE);
        driver = new FakeDriver(memory, transport, 16);
    }

    private void header(int type, long sector) {
        driver.putInt(HEADER, type);
        driver.putInt(HEADER + 4, 0);
        driver.putLong(HEADER + 8, sector);
        driver.ram.set(ValueLayout.JAVA_BYTE, STATUS, (byte) UNTOUCHED);
    }

    private int read(long sector, long length) {
        header(VirtioBlock.TYPE_IN, sector);
        driver.request(toRead(HEADER, 16), toWrite(DATA, length), toWrite(STATUS, 1));
        return driver.byteAt(STATUS);
    }

    private int write(long sector, long length) {
        header(VirtioBlock.TYPE_OUT, sector);
        driver.request(toRead(HEADER, 16), toRead(DATA, length), toWrite(STATUS, 1));
        return driver.byteAt(STATUS);
    }

    private byte[] data(int length) {
        return driver.ram.asSlice(DATA, length).toArray(ValueLayout.JAVA_BYTE);
    }

    @Test
    void configurationTellsCapacityAndLimits() {
        assertEquals(2, driver.get(VirtioMmio.DEVICE_ID));
        assertEquals(SECTORS, transport.read(VirtioMmio.CONFIG, 8));
        assertEquals(126, transport.read(VirtioMmio.CONFIG + 12, 4));
        assertEquals(512, transport.read(VirtioMmio.CONFIG + 20, 4));
        assertEquals(1, transport.read(VirtioMmio.CONFIG + 34, 2));
        long limit = transport.read(VirtioMmio.CONFIG + 8, 4) * transport.read(VirtioMmio.CONFIG + 12, 4);
        assertTrue(limit <= VirtioBlock.MAX_REQUEST);
        transport.write(VirtioMmio.CONFIG, 8, 1);
        assertEquals(SECTORS, transport.read(VirtioMmio.CONFIG, 8));
    }

    @Test
    void readsSectors() {
        assertEquals(VirtioBlock.STATUS_OK, read(3, 2 * 512));
        assertArrayEquals(Arrays.copyOfRange(contents, 3 * 512, 5 * 512), data(1024));
    }

    @Test
    void theUsedLengthIsWhatWasWritten() {
        header(VirtioBlock.TYPE_IN, 0);
        assertEquals(513, driver.request(toRead(HEADER, 16), toWrite(DATA, 512), toWrite(STATUS, 1)));
        header(VirtioBlock.TYPE_IN, SECTORS);
        assertEquals(0, driver.request(toRead(HEADER, 16), toWrite(DATA, 512), toWrite(STATUS, 1)));
        header(VirtioBlock.TYPE_FLUSH, 0);
        assertEquals(1, driver.request(toRead(HEADER, 16), toWrite(STATUS, 1)));
    }

    @Test
    void writesSectors() throws IOException {
        driver.ram.asSlice(DATA, 1024).fill((byte) 0x42);
        assertEquals(VirtioBlock.STATUS_OK, write(SECTORS - 2, 1024));
        Arrays.fill(contents, contents.length - 1024, contents.length, (byte) 0x42);
        header(VirtioBlock.TYPE_FLUSH, 0);
        driver.request(toRead(HEADER, 16), toWrite(STATUS, 1));
        assertEquals(VirtioBlock.STATUS_OK, driver.byteAt(STATUS));
        assertArrayEquals(contents, Files.readAllBytes(path));
    }

    @Test
    void aDriverWithoutFlushMayWriteToo() throws IOException {
        driver.start(VirtioMmio.FEATURE_VERSION_1);
        driver.ram.asSlice(DATA, 512).fill((byte) 0x43);
        assertEquals(VirtioBlock.STATUS_OK, write(0, 512));
        assertEquals(0x43, Files.readAllBytes(path)[511]);
        header(VirtioBlock.TYPE_WRITE_ZEROES, 0);
        driver.request(toRead(HEADER, 16), toRead(DATA, 16), toWrite(STATUS, 1));
        assertEquals(VirtioBlock.STATUS_UNSUPPORTED, driver.byteAt(STATUS), "not agreed on");
    }

    @Test
    void requestsMayBeCutAnywhere() {
        header(VirtioBlock.TYPE_IN, 7);
        // Header in three buffers, data in three, the status at the end of the last.
        driver.request(
                toRead(HEADER, 1),
                toRead(HEADER + 1, 9),
                toRead(HEADER + 10, 6),
                toWrite(DATA, 1),
                toWrite(DATA + 1, 510),
                toWrite(DATA + 511, 2));
        assertArrayEquals(Arrays.copyOfRange(contents, 7 * 512, 8 * 512), data(512));
        assertEquals(VirtioBlock.STATUS_OK, driver.byteAt(DATA + 512));
    }

    @Test
    void whatLeavesTheDiskIsAnError() {
        long[][] requests = {
            {SECTORS, 512},
            {SECTORS - 1, 1024},
            {-1, 512},
            {Long.MIN_VALUE, 512},
            {Long.MAX_VALUE, 512},
            {(1L << 55) + 1, 512}, // overflows in bytes
            {0, 511},
            {0, 513},
            {0, VirtioBlock.MAX_REQUEST + 512},
        };
        for (long[] request : requests) {
            String what = Arrays.toString(request);
            assertEquals(VirtioBlock.STATUS_IO_ERROR, read(request[0], request[1]), what);
            assertEquals(VirtioBlock.STATUS_IO_ERROR, write(request[0], request[1]), what);
        }
        assertEquals(VirtioBlock.STATUS_OK, read(0, 512));
    }

    @Test
    void anUnknownTypeIsUnsupported() {
        for (int type : new int[] {2, 3, 11, 14, -1, Integer.MIN_VALUE}) {
            header(type, 0);
            driver.request(toRead(HEADER, 16), toWrite(DATA, 512), toWrite(STATUS, 1));
            assertEquals(VirtioBlock.STATUS_UNSUPPORTED, driver.byteAt(STATUS));
        }
    }

    @Test
    void getIdGivesTheFileName() {
        header(VirtioBlock.TYPE_GET_ID, 0);
        assertEquals(21, driver.request(toRead(HEADER, 16), toWrite(DATA, 20), toWrite(STATUS, 1)));
        assertEquals("disk-with-a-long-nam", driver.text(DATA, 20));
        assertEquals(VirtioBlock.STATUS_OK, driver.byteAt(STATUS));
    }

    @Test
    void zeroesAreWrittenWhereAsked() throws IOException {
        putZeroesSegment(2, 3, 0);
        assertEquals(VirtioBlock.STATUS_OK, writeZeroes());
        Arrays.fill(contents, 2 * 512, 5 * 512, (byte) 0);
        assertArrayEquals(contents, Files.readAllBytes(path));
        putZeroesSegment(SECTORS - 1, 2, 1);
        assertEquals(VirtioBlock.STATUS_IO_ERROR, writeZeroes());
        putZeroesSegment(0, -1, 0);
        assertEquals(VirtioBlock.STATUS_IO_ERROR, writeZeroes());
        putZeroesSegment(0, 1, 2);
        assertEquals(VirtioBlock.STATUS_UNSUPPORTED, writeZeroes());
        header(VirtioBlock.TYPE_WRITE_ZEROES, 0);
        driver.request(toRead(HEADER, 16), toRead(DATA, 32), toWrite(STATUS, 1));
        assertEquals(VirtioBlock.STATUS_IO_ERROR, driver.byteAt(STATUS), "one segment");
        assertArrayEquals(contents, Files.readAllBytes(path));
    }

    private void putZeroesSegment(long sector, int count, int flags) {
        driver.putLong(DATA, sector);
        driver.putInt(DATA + 8, count);
        driver.putInt(DATA + 12, flags);
    }

    private int writeZeroes() {
        header(VirtioBlock.TYPE_WRITE_ZEROES, 0);
        driver.request(toRead(HEADER, 16), toRead(DATA, 16), toWrite(STATUS, 1));
        return driver.byteAt(STATUS);
    }

    @Test
    void aRequestThatCannotBeAnsweredNeedsAReset() {
        header(VirtioBlock.TYPE_IN, 0);
        long[][][] chains = {
            {toRead(HEADER, 16)}, {toWrite(STATUS, 1)}, {toRead(HEADER, 15), toWrite(STATUS, 1)},
        };
        for (long[][] chain : chains) {
            driver.start();
            driver.offer(driver.chain(chain));
            driver.kick();
            assertTrue(transport.fault().orElse("none").contains("a block request with"));
        }
    }

    @Test
    void aReadOnlyDiskRefusesWrites() throws IOException {
        disk.close();
        assertTrue(path.toFile().setWritable(false));
        attach(true);
        driver.start();
        assertTrue((driver.offered() & VirtioBlock.FEATURE_READ_ONLY) != 0);
        assertEquals(VirtioBlock.STATUS_OK, read(0, 512));
        assertEquals(VirtioBlock.STATUS_IO_ERROR, write(0, 512));
        assertArrayEquals(contents, Files.readAllBytes(path));
    }

    @Test
    void hostErrorsBecomeIoErrors() throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
            file.setLength(512);
        }
        assertEquals(VirtioBlock.STATUS_IO_ERROR, read(0, 1024));
        assertEquals(VirtioBlock.STATUS_OK, read(0, 512));
        disk.close();
        assertEquals(VirtioBlock.STATUS_IO_ERROR, read(0, 512));
        assertEquals(VirtioBlock.STATUS_IO_ERROR, write(0, 512));
        header(VirtioBlock.TYPE_FLUSH, 0);
        driver.request(toRead(HEADER, 16), toWrite(STATUS, 1));
        assertEquals(VirtioBlock.STATUS_IO_ERROR, driver.byteAt(STATUS));
    }

    @Test
    void everyPageThatAReadWritesIsMarked() {
        try (Arena arena = Arena.ofConfined()) {
            PageSet marked = new PageSet(arena, memory.pages());
            memory.drainWritten(marked);
            marked.clear();
            header(VirtioBlock.TYPE_IN, 0);
            driver.request(toRead(HEADER, 16), toWrite(DATA + 0x1f00, 512), toWrite(STATUS, 1));
            memory.drainWritten(marked);
            long first = (DATA + 0x1f00) >>> 12;
            assertTrue(marked.contains(first) && marked.contains(first + 1), "data, across two pages");
            assertTrue(marked.contains(STATUS >>> 12), "status");
            assertTrue(marked.contains(driver.used >>> 12), "used ring");
            assertEquals(4, marked.cardinality());
        }
    }

    @Test
    void stateMovesToAnEqualDiskOnly() throws IOException {
        assertEquals(VirtioBlock.STATUS_OK, write(0, 512));
        byte[] state = transport.saveState();
        try (VirtioBlock same = VirtioBlock.open(path, false)) {
            VirtioMmio other = new VirtioMmio(new MmioSlot(0), same, memory, InterruptLine.NONE);
            other.restoreState(1, state);
            driver.transport = other;
            assertEquals(VirtioBlock.STATUS_OK, read(1, 512));
            assertArrayEquals(Arrays.copyOfRange(contents, 512, 1024), data(512));
        }
        assertRefuses(path, true, state, "feature bits"); // a read-only disk offers no write zeroes
        Path larger = Files.write(directory.resolve("larger"), new byte[SECTORS * 512 + 512]);
        assertRefuses(larger, false, state, "the guest's disk has 64 sectors");
        try (VirtioBlock readOnly = VirtioBlock.open(path, true)) {
            byte[] own = disk.saveState();
            String message = assertThrows(DeviceStateException.class, () -> readOnly.restoreState(1, own))
                    .getMessage();
            assertTrue(message.contains("is writable"), message);
        }
    }

    private void assertRefuses(Path file, boolean readOnly, byte[] state, String reason) throws IOException {
        try (VirtioBlock different = VirtioBlock.open(file, readOnly)) {
            VirtioMmio other = new VirtioMmio(new MmioSlot(0), different, memory, InterruptLine.NONE);
            String message = assertThrows(DeviceStateException.class, () -> other.restoreState(1, state))
                    .getMessage();
            assertTrue(message.contains(reason), message);
        }
    }

    @Test
    void disksThatCannotBeOpenedAreNamed() throws IOException {
        assertOpenFails(directory.resolve("missing"), "does not exist");
        assertOpenFails(directory, "is a directory");
        assertOpenFails(Files.createFile(directory.resolve("empty")), "has 0 bytes");
        assertOpenFails(Files.write(directory.resolve("odd"), new byte[513]), "has 513 bytes");
    }

    private static void assertOpenFails(Path file, String reason) {
        String message = assertThrows(DeviceConfigException.class, () -> VirtioBlock.open(file, false))
                .getMessage();
        assertTrue(message.contains(file.toString()) && message.contains(reason), message);
    }

    @Test
    void randomRequestsAgreeWithACopyOfTheDisk() throws IOException {
        long seed = System.nanoTime();
        System.out.println("VirtioBlockTest request fuzz seed " + seed);
        SplittableRandom random = new SplittableRandom(seed);
        for (int i = 0; i < 3000; i++) {
            String what = "request " + i + ", seed " + seed;
            int sector = random.nextInt(SECTORS);
            int length = 512 * random.nextInt(1, SECTORS - sector + 1);
            if (random.nextBoolean()) {
                assertEquals(VirtioBlock.STATUS_OK, read(sector, length), what);
                assertArrayEquals(
                        Arrays.copyOfRange(contents, sector * 512, sector * 512 + length), data(length), what);
            } else {
                byte[] fresh = new byte[length];
                random.nextBytes(fresh);
                MemorySegment.copy(MemorySegment.ofArray(fresh), 0, driver.ram, DATA, length);
                System.arraycopy(fresh, 0, contents, sector * 512, length);
                assertEquals(VirtioBlock.STATUS_OK, write(sector, length), what);
            }
        }
        assertArrayEquals(contents, Files.readAllBytes(path), "seed " + seed);
    }
}
