package dev.godwit.host.device;

import dev.godwit.host.memory.GuestMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * One request of a driver: buffers in guest memory, first those to read, then those to write. How a request is cut into
 * buffers is the driver's choice, so a device addresses bytes by their offset in the readable or the writable part.
 *
 * <p>Each descriptor was copied once and checked when the chain was taken: the guest can change the bytes afterwards, but
 * not where they are. A queue has one chain object and uses it again. Offsets are the device's, checked against the
 * lengths here; a device that passes a wrong one gets an {@link IndexOutOfBoundsException}.
 *
 * <p>Source: virtio 1.2 section 2.7.
 */
public final class DescriptorChain {
    /** Bytes of a descriptor: u64 address, u32 length, u16 flags, u16 next. */
    static final int DESCRIPTOR_SIZE = 16;

    static final int FLAG_NEXT = 1;
    static final int FLAG_WRITE = 2;
    static final int FLAG_INDIRECT = 4;

    private static final long MAX_LENGTH = 1L << 32;
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final GuestMemory memory;
    private final long[] addresses;
    private final long[] lengths;
    private int head;
    private int count;
    private int readableCount;
    private long readableLength;
    private long writableLength;

    DescriptorChain(GuestMemory memory, int maxDescriptors) {
        this.memory = memory;
        this.addresses = new long[maxDescriptors];
        this.lengths = new long[maxDescriptors];
    }

    int head() {
        return head;
    }

    /** Bytes the driver has for the device. */
    public long readableLength() {
        return readableLength;
    }

    /** Bytes the device may write. */
    public long writableLength() {
        return writableLength;
    }

    /** A byte of the readable part. */
    public int readByte(long offset) {
        return readable(offset, 1).get(ValueLayout.JAVA_BYTE, 0) & 0xff;
    }

    /** A little-endian 32-bit value of the readable part. */
    public int readInt(long offset) {
        int value = 0;
        for (int i = 0; i < Integer.BYTES; i++) {
            value |= readByte(offset + i) << (8 * i);
        }
        return value;
    }

    /** A little-endian 64-bit value of the readable part. */
    public long readLong(long offset) {
        return Integer.toUnsignedLong(readInt(offset)) | (long) readInt(offset + Integer.BYTES) << 32;
    }

    /**
     * Guest memory of the readable part, as far as it is in one piece.
     *
     * @param offset of the first byte, below {@link #readableLength}
     * @param max at most so many bytes, at least 1
     * @return at least 1 byte
     */
    public MemorySegment readable(long offset, long max) {
        return piece(0, readableCount, offset, max);
    }

    /** Guest memory of the writable part, as {@link #readable}. What was written must be told to {@link #wrote}. */
    public MemorySegment writable(long offset, long max) {
        return piece(readableCount, count, offset, max);
    }

    /** Writes a byte of the writable part. */
    public void writeByte(long offset, int value) {
        writable(offset, 1).set(ValueLayout.JAVA_BYTE, 0, (byte) value);
        wrote(offset, 1);
    }

    /** Tells the dirty trackers that a range of the writable part was written. */
    public void wrote(long offset, long length) {
        long from = offset;
        long left = length;
        for (int i = readableCount; i < count && left > 0; i++) {
            if (from < lengths[i]) {
                long here = Math.min(left, lengths[i] - from);
                memory.markWritten(addresses[i] + from, here);
                left -= here;
                from = 0;
            } else {
                from -= lengths[i];
            }
        }
    }

    /**
     * Takes the chain that starts at a descriptor of the table.
     *
     * @param table the descriptor table, {@code size} descriptors
     * @param size of the queue, and the most descriptors a chain may have
     * @param indirectAllowed whether VIRTIO_F_INDIRECT_DESC was agreed on
     */
    void load(MemorySegment table, int size, int first, boolean indirectAllowed) throws MalformedQueueException {
        head = first;
        count = 0;
        readableCount = 0;
        readableLength = 0;
        writableLength = 0;
        MemorySegment current = table;
        long currentSize = size;
        boolean indirect = false;
        int index = first;
        while (true) {
            if (index >= currentSize) {
                throw new MalformedQueueException("descriptor " + index + " of a table of " + currentSize);
            }
            long at = (long) index * DESCRIPTOR_SIZE;
            long address = current.get(LONG, at);
            long length = Integer.toUnsignedLong(current.get(INT, at + 8));
            int flags = current.get(SHORT, at + 12);
            int next = current.get(SHORT, at + 14) & 0xffff;
            if ((flags & FLAG_INDIRECT) != 0) {
                if (!indirectAllowed || indirect || (flags & FLAG_NEXT) != 0) {
                    throw new MalformedQueueException("indirect descriptor " + index + " where none may be");
                }
                if (length == 0 || length % DESCRIPTOR_SIZE != 0 || !memory.contains(address, length)) {
                    throw new MalformedQueueException("indirect table " + range(address, length));
                }
                current = memory.slice(address, length);
                currentSize = length / DESCRIPTOR_SIZE;
                indirect = true;
                index = 0;
                continue;
            }
            add(address, length, (flags & FLAG_WRITE) != 0, size);
            if ((flags & FLAG_NEXT) == 0) {
                return;
            }
            index = next;
        }
    }

    private void add(long address, long length, boolean writable, int limit) throws MalformedQueueException {
        if (count == limit) {
            throw new MalformedQueueException("a chain of more than " + limit + " descriptors");
        }
        if (length == 0 || !memory.contains(address, length)) {
            throw new MalformedQueueException("buffer " + range(address, length));
        }
        addresses[count] = address;
        lengths[count] = length;
        count++;
        if (writable) {
            writableLength += length;
        } else if (readableCount == count - 1) {
            readableCount = count;
            readableLength += length;
        } else {
            throw new MalformedQueueException("a buffer to read after a buffer to write");
        }
        if (readableLength + writableLength > MAX_LENGTH) {
            throw new MalformedQueueException("a chain of more than " + MAX_LENGTH + " bytes");
        }
    }

    private MemorySegment piece(int first, int last, long offset, long max) {
        long within = offset;
        for (int i = first; i < last && within >= 0 && max > 0; i++) {
            if (within < lengths[i]) {
                return memory.slice(addresses[i] + within, Math.min(max, lengths[i] - within));
            }
            within -= lengths[i];
        }
        throw new IndexOutOfBoundsException("offset " + offset + ", length " + max + " in a chain of " + readableLength
                + " readable and " + writableLength + " writable bytes");
    }

    private static String range(long address, long length) {
        return "at 0x" + Long.toHexString(address) + ", length " + length + " is empty, odd or not RAM";
    }
}
