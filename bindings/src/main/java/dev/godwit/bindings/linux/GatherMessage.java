package dev.godwit.bindings.linux;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.godwit.bindings.linux.gen.iovec;
import dev.godwit.bindings.linux.gen.msghdr;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.Objects;

/**
 * A {@code struct msghdr} with its {@code iovec} array, for {@link SocketCalls#sendmsg} and
 * {@link SocketCalls#recvmsg}, filled range by range without allocating.
 *
 * <p>Threading: one thread at a time.
 *
 * <p>Errors: {@link #add} throws IllegalStateException when the message is full.
 *
 * <p>Safety: the ranges are raw addresses; the caller answers for them until the call is done. The message itself
 * lives as long as the allocator's memory.
 *
 * <p>Source: {@code sendmsg(2)}, {@code readv(2)}.
 */
public final class GatherMessage {
    /** The most ranges that one call takes (IOV_MAX). */
    public static final int MAX_RANGES = 1024;

    private static final long IOVEC_SIZE = iovec.layout().byteSize();
    private static final long BASE = iovec.iov_base$offset();
    private static final long LENGTH = iovec.iov_len$offset();

    private final MemorySegment message;
    private final MemorySegment ranges;
    private final int capacity;
    private int first;
    private int end;

    /**
     * An empty message.
     *
     * @param capacity the most ranges it holds, 1 to {@link #MAX_RANGES}
     */
    public GatherMessage(SegmentAllocator allocator, int capacity) {
        if (capacity < 1 || capacity > MAX_RANGES) {
            throw new IllegalArgumentException("capacity " + capacity + ", must be 1 to " + MAX_RANGES);
        }
        this.capacity = capacity;
        message = allocator.allocate(msghdr.layout()).fill((byte) 0);
        ranges = allocator.allocate(iovec.layout(), capacity).fill((byte) 0);
        describeRanges();
    }

    /** Empties the message. */
    public void clear() {
        first = 0;
        end = 0;
        describeRanges();
    }

    /** Adds {@code length} bytes at {@code address} to the end; a range of no bytes is none. */
    public void add(long address, long length) {
        if (length == 0) {
            return;
        }
        if (end == capacity) {
            throw new IllegalStateException("the message holds its " + capacity + " ranges already");
        }
        ranges.set(JAVA_LONG, end * IOVEC_SIZE + BASE, address);
        ranges.set(JAVA_LONG, end * IOVEC_SIZE + LENGTH, length);
        end++;
        describeRanges();
    }

    /**
     * Takes {@code bytes} off the front: what a call has sent or received.
     *
     * @return whether anything is left
     */
    public boolean advance(long bytes) {
        long left = bytes;
        while (left > 0 && first < end) {
            long at = first * IOVEC_SIZE;
            long length = ranges.get(JAVA_LONG, at + LENGTH);
            if (left < length) {
                ranges.set(JAVA_LONG, at + BASE, ranges.get(JAVA_LONG, at + BASE) + left);
                ranges.set(JAVA_LONG, at + LENGTH, length - left);
                left = 0;
            } else {
                left -= length;
                first++;
            }
        }
        if (left > 0) {
            throw new IllegalArgumentException(bytes + " bytes are " + left + " more than the message has");
        }
        describeRanges();
        return first < end;
    }

    /** How many ranges are left. */
    public int count() {
        return end - first;
    }

    /** Where a range that is left begins; 0 is the first of them. */
    public long address(int range) {
        return ranges.get(JAVA_LONG, left(range) + BASE);
    }

    /** How many bytes a range that is left has; 0 is the first of them. */
    public long length(int range) {
        return ranges.get(JAVA_LONG, left(range) + LENGTH);
    }

    private long left(int range) {
        return (first + Objects.checkIndex(range, count())) * IOVEC_SIZE;
    }

    /** Whether no range can be added. */
    public boolean isFull() {
        return end == capacity;
    }

    /** The address of the {@code struct msghdr}. */
    public long address() {
        return message.address();
    }

    /** The address of the first range that is left, for {@link SocketCalls#readv} and {@link SocketCalls#writev}. */
    public long rangesAddress() {
        return ranges.address() + first * IOVEC_SIZE;
    }

    private void describeRanges() {
        message.set(JAVA_LONG, msghdr.msg_iov$offset(), rangesAddress());
        msghdr.msg_iovlen(message, count());
    }
}
