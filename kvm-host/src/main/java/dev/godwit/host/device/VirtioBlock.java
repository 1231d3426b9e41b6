package dev.godwit.host.device;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;

/**
 * A virtio block device on a file or a block device of the host: read, write, flush, write zeroes, get id.
 *
 * <p>Requests are served one after the other on the vCPU thread, straight between file and guest memory. A driver that did
 * not take the FLUSH feature gets a write-through disk. A request moves at most {@value #MAX_REQUEST} bytes, which bounds
 * how long a vCPU can be kept from pausing; drivers learn of it by the limits on number and size of segments.
 *
 * <p>A request that fails in the host, leaves the disk or breaks the device's rules ends in IOERR; an unknown one in UNSUPP.
 * vCPU threads must not be interrupted ({@link Thread#interrupt}): the file would close under the device.
 *
 * <p>State, version 1: i64 capacity in sectors, u8 read-only. The contents of the file do not move; both sides must open the
 * same storage.
 *
 * <p>Source: virtio 1.2 section 5.2.
 */
public final class VirtioBlock implements VirtioDevice, AutoCloseable {
    /** Bytes of a sector, the unit of all addresses of the device. */
    public static final int SECTOR = 512;

    /** Most data bytes of a request. */
    public static final int MAX_REQUEST = 16 << 20;

    static final int DEVICE_ID = 2;
    static final int QUEUE_SIZE = 128;

    static final long FEATURE_SIZE_MAX = 1L << 1;
    static final long FEATURE_SEG_MAX = 1L << 2;
    static final long FEATURE_READ_ONLY = 1L << 5;
    static final long FEATURE_BLOCK_SIZE = 1L << 6;
    static final long FEATURE_FLUSH = 1L << 9;
    static final long FEATURE_WRITE_ZEROES = 1L << 14;

    static final int TYPE_IN = 0;
    static final int TYPE_OUT = 1;
    static final int TYPE_FLUSH = 4;
    static final int TYPE_GET_ID = 8;
    static final int TYPE_WRITE_ZEROES = 13;

    static final int STATUS_OK = 0;
    static final int STATUS_IO_ERROR = 1;
    static final int STATUS_UNSUPPORTED = 2;

    static final int HEADER = 16;
    static final int ID_LENGTH = 20;
    private static final int ZEROES_SEGMENT = 16;
    private static final int ZEROES_UNMAP = 1;
    private static final int CONFIG_LENGTH = 60;
    private static final int SIZE_MAX = 128 << 10;
    private static final int SEG_MAX = QUEUE_SIZE - 2;
    private static final ByteBuffer ZEROES = ByteBuffer.allocateDirect(64 << 10).asReadOnlyBuffer();

    private final Path path;
    private final FileChannel file;
    private final long sectors;
    private final boolean readOnly;
    private final byte[] config;
    private boolean unflushed;
    private long written; // data bytes of the current request

    private VirtioBlock(Path path, FileChannel file, long sectors, boolean readOnly) {
        this.path = path;
        this.file = file;
        this.sectors = sectors;
        this.readOnly = readOnly;
        this.config = ByteBuffer.allocate(CONFIG_LENGTH)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(0, sectors)
                .putInt(8, SIZE_MAX)
                .putInt(12, SEG_MAX)
                .putInt(20, SECTOR)
                .putShort(34, (short) 1) // queues
                .putInt(48, MAX_REQUEST / SECTOR) // write zeroes: sectors, segments
                .putInt(52, 1)
                .array();
    }

    /**
     * Opens a disk.
     *
     * @param path a file or block device whose size is a multiple of {@link #SECTOR}
     * @throws DeviceConfigException if it cannot be opened so, naming the file and the reason
     */
    public static VirtioBlock open(Path path, boolean readOnly) {
        if (Files.isDirectory(path)) {
            throw new DeviceConfigException("disk " + path + " is a directory");
        }
        Set<OpenOption> options =
                readOnly ? Set.of(StandardOpenOption.READ) : Set.of(StandardOpenOption.READ, StandardOpenOption.WRITE);
        FileChannel file = null;
        try {
            file = FileChannel.open(path, options);
            long size = file.size();
            if (size == 0 || size % SECTOR != 0) {
                throw new DeviceConfigException("disk " + path + " has " + size + " bytes, not a multiple of " + SECTOR
                        + (size == 0 ? " above 0" : ""));
            }
            VirtioBlock disk = new VirtioBlock(path, file, size / SECTOR, readOnly);
            file = null;
            return disk;
        } catch (NoSuchFileException e) {
            throw new DeviceConfigException("disk " + path + " does not exist", e);
        } catch (AccessDeniedException e) {
            throw new DeviceConfigException(
                    "disk " + path + " may not be opened for " + (readOnly ? "reading" : "reading and writing"), e);
        } catch (IOException e) {
            throw new DeviceConfigException("disk " + path + " cannot be opened: " + e.getMessage(), e);
        } finally {
            closeQuietly(file);
        }
    }

    private static void closeQuietly(FileChannel file) {
        if (file != null) {
            try {
                file.close();
            } catch (IOException e) {
                // Nothing was written to it, and the caller is being told why it is not wanted.
                return;
            }
        }
    }

    @Override
    public int deviceId() {
        return DEVICE_ID;
    }

    @Override
    public long features() {
        long common = FEATURE_SIZE_MAX | FEATURE_SEG_MAX | FEATURE_BLOCK_SIZE | FEATURE_FLUSH;
        return common | (readOnly ? FEATURE_READ_ONLY : FEATURE_WRITE_ZEROES);
    }

    @Override
    public int queueCount() {
        return 1;
    }

    @Override
    public int maxQueueSize(int queue) {
        return QUEUE_SIZE;
    }

    @Override
    public int configLength() {
        return CONFIG_LENGTH;
    }

    @Override
    public int readConfig(int offset) {
        return config[offset] & 0xff;
    }

    @Override
    public void process(int index, Virtqueue queue, long features) throws MalformedQueueException {
        for (DescriptorChain chain = queue.next(); chain != null; chain = queue.next()) {
            if (chain.readableLength() < HEADER || chain.writableLength() < 1) {
                throw new MalformedQueueException("a block request with " + chain.readableLength()
                        + " bytes to read and " + chain.writableLength() + " to write");
            }
            // The status is the last byte the device may write; data is what comes before it.
            long data = chain.writableLength() - 1;
            int status = serve(chain, features);
            chain.writeByte(data, status);
            // What the driver may rely on is the part written without a gap from the beginning.
            queue.complete(chain, written == data ? data + 1 : written);
        }
    }

    private int serve(DescriptorChain chain, long features) {
        written = 0;
        long sector = chain.readLong(8);
        try {
            return switch (chain.readInt(0)) {
                case TYPE_IN -> readDisk(chain, sector);
                case TYPE_OUT -> writeDisk(chain, sector, (features & FEATURE_FLUSH) == 0);
                case TYPE_FLUSH -> {
                    flush();
                    yield STATUS_OK;
                }
                case TYPE_GET_ID -> getId(chain);
                case TYPE_WRITE_ZEROES -> writeZeroes(chain, features);
                default -> STATUS_UNSUPPORTED;
            };
        } catch (IOException e) {
            return STATUS_IO_ERROR;
        }
    }

    private boolean onDisk(long sector, long bytes) {
        return bytes % SECTOR == 0
                && bytes <= MAX_REQUEST
                && sector >= 0
                && sector <= sectors
                && bytes / SECTOR <= sectors - sector;
    }

    private int readDisk(DescriptorChain chain, long sector) throws IOException {
        long length = chain.writableLength() - 1;
        if (!onDisk(sector, length)) {
            return STATUS_IO_ERROR;
        }
        long done = 0;
        try {
            while (done < length) {
                ByteBuffer into = chain.writable(done, length - done).asByteBuffer();
                while (into.hasRemaining()) {
                    int count = file.read(into, sector * SECTOR + done);
                    if (count < 0) {
                        return STATUS_IO_ERROR; // someone has shortened the file
                    }
                    done += count;
                }
            }
            written = length;
            return STATUS_OK;
        } finally {
            // Also what a failing read may have touched.
            chain.wrote(0, length);
        }
    }

    private int writeDisk(DescriptorChain chain, long sector, boolean through) throws IOException {
        long length = chain.readableLength() - HEADER;
        if (readOnly || !onDisk(sector, length)) {
            return STATUS_IO_ERROR;
        }
        unflushed = true;
        long done = 0;
        while (done < length) {
            ByteBuffer from = chain.readable(HEADER + done, length - done).asByteBuffer();
            while (from.hasRemaining()) {
                done += file.write(from, sector * SECTOR + done);
            }
        }
        if (through) {
            flush();
        }
        return STATUS_OK;
    }

    private int writeZeroes(DescriptorChain chain, long features) throws IOException {
        if ((features & FEATURE_WRITE_ZEROES) == 0) {
            return STATUS_UNSUPPORTED;
        }
        if (chain.readableLength() != HEADER + ZEROES_SEGMENT) {
            return STATUS_IO_ERROR;
        }
        long sector = chain.readLong(HEADER);
        long length = Integer.toUnsignedLong(chain.readInt(HEADER + 8)) * SECTOR;
        if ((chain.readInt(HEADER + 12) & ~ZEROES_UNMAP) != 0) {
            return STATUS_UNSUPPORTED;
        }
        if (readOnly || !onDisk(sector, length)) {
            return STATUS_IO_ERROR;
        }
        unflushed = true;
        long done = 0;
        while (done < length) {
            ByteBuffer zeroes = ZEROES.duplicate().limit((int) Math.min(ZEROES.capacity(), length - done));
            done += file.write(zeroes, sector * SECTOR + done);
        }
        if ((features & FEATURE_FLUSH) == 0) {
            flush();
        }
        return STATUS_OK;
    }

    private int getId(DescriptorChain chain) {
        byte[] name = String.valueOf(path.getFileName()).getBytes(StandardCharsets.US_ASCII);
        long room = Math.min(chain.writableLength() - 1, ID_LENGTH);
        for (int i = 0; i < room; i++) {
            chain.writeByte(i, i < name.length ? name[i] : 0);
        }
        written = room;
        return STATUS_OK;
    }

    /** Makes the host's file durable. A machine that is about to move calls it early, to have less to do at the end. */
    public void flush() throws IOException {
        file.force(false);
        unflushed = false;
    }

    /** Capacity in sectors of {@value #SECTOR} bytes. */
    public long sectors() {
        return sectors;
    }

    @Override
    public String stateName() {
        return "virtio-block";
    }

    @Override
    public int stateVersion() {
        return 1;
    }

    /**
     * Saves the state, after making durable what was written: the other side may see the storage from another host.
     *
     * @throws UncheckedIOException if the storage fails
     */
    @Override
    public byte[] saveState() {
        if (unflushed) {
            try {
                flush();
            } catch (IOException e) {
                throw new UncheckedIOException("disk " + path + " cannot be flushed", e);
            }
        }
        return ByteBuffer.allocate(Long.BYTES + 1)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(sectors)
                .put((byte) (readOnly ? 1 : 0))
                .array();
    }

    @Override
    public void restoreState(int version, byte[] state) {
        StateReader in = new StateReader(stateName(), version, stateVersion(), state);
        long theirs = in.i64("capacity");
        boolean theirsReadOnly = in.bool("read-only");
        in.end();
        if (theirs != sectors) {
            throw in.fail("the guest's disk has " + theirs + " sectors, " + path + " has " + sectors);
        }
        if (theirsReadOnly != readOnly) {
            throw in.fail("the guest's disk is " + (theirsReadOnly ? "read-only" : "writable") + ", " + path + " is "
                    + (readOnly ? "read-only" : "writable"));
        }
    }

    /** Flushes and closes the file. No vCPU may run any more. */
    @Override
    public void close() throws IOException {
        try (file) {
            if (unflushed && file.isOpen()) {
                flush();
            }
        }
    }
}
