package dev.godwit.host.device;

import dev.godwit.host.memory.GuestMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The device's side of a split virtqueue. Everything in it is written by the guest, at any time, so each value is read once
 * and checked before it is used.
 *
 * <p>The guest's memory is ordinary shared memory: the available index is read with acquire before the ring behind it, the
 * used index is written with release after the ring behind it, and a full fence separates it from the read of the driver's
 * no-interrupt flag. Not thread-safe; the transport's lock guards it. {@link #next} and {@link #complete} keep no garbage
 * beyond short-lived views of memory.
 *
 * <p>One round ({@link #begin}) serves what was available when it began, so a second vCPU that keeps adding cannot hold the
 * first. Later requests have rounds of their own, because the driver is never told not to notify.
 *
 * <p>State: u16 size, u8 ready, i64 descriptor, driver and device area, u16 next available, u16 next used.
 *
 * <p>Source: virtio 1.2 section 2.7.
 */
public final class Virtqueue {
    static final int STATE_SIZE = 2 + 1 + 3 * Long.BYTES + 2 + 2;

    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle INDEX = SHORT.varHandle();
    private static final int RING_FLAGS = 0;
    private static final int RING_INDEX = 2;
    private static final int RING = 4;
    private static final int USED_ELEMENT = 8;
    private static final int NO_INTERRUPT = 1;

    private final GuestMemory memory;
    private final int maxSize;
    private final DescriptorChain chain;
    private int size;
    private long descriptorArea;
    private long driverArea;
    private long deviceArea;
    private boolean ready;
    private boolean indirectAllowed;
    private MemorySegment descriptors = MemorySegment.NULL;
    private MemorySegment available = MemorySegment.NULL;
    private MemorySegment used = MemorySegment.NULL;
    private int nextAvailable;
    private int roundEnd;
    private int nextUsed;
    private boolean completedInRound;

    Virtqueue(GuestMemory memory, int maxSize) {
        if (Integer.bitCount(maxSize) != 1 || maxSize > 1 << 15) {
            throw new IllegalArgumentException("a virtqueue of " + maxSize + " entries");
        }
        this.memory = memory;
        this.maxSize = maxSize;
        this.chain = new DescriptorChain(memory, maxSize);
    }

    /** Entries of the ring as the driver set it, or 0. */
    public int size() {
        return size;
    }

    /**
     * The next request of this round. The chain object is the queue's own and is valid until the next call.
     *
     * @return null at the end of the round
     * @throws MalformedQueueException if the driver's descriptors break the rules
     */
    public DescriptorChain next() throws MalformedQueueException {
        if (!ready || nextAvailable == roundEnd) {
            return null;
        }
        int head = available.get(SHORT, RING + 2L * (nextAvailable & (size - 1))) & 0xffff;
        chain.load(descriptors, size, head, indirectAllowed);
        nextAvailable = (nextAvailable + 1) & 0xffff;
        return chain;
    }

    /**
     * Gives a request back to the driver.
     *
     * @param written bytes written to the writable part, counted from its beginning
     */
    public void complete(DescriptorChain done, long written) {
        long element = RING + (long) USED_ELEMENT * (nextUsed & (size - 1));
        used.set(INT, element, done.head());
        used.set(INT, element + 4, (int) written);
        nextUsed = (nextUsed + 1) & 0xffff;
        INDEX.setRelease(used, (long) RING_INDEX, (short) nextUsed);
        memory.markWritten(deviceArea + element, USED_ELEMENT);
        memory.markWritten(deviceArea + RING_INDEX, Short.BYTES);
        completedInRound = true;
    }

    /** Starts a round. */
    void begin() throws MalformedQueueException {
        int index = (short) INDEX.getAcquire(available, (long) RING_INDEX) & 0xffff;
        int waiting = (index - nextAvailable) & 0xffff;
        if (waiting > size) {
            throw new MalformedQueueException(
                    "available index " + index + " is " + waiting + " ahead in a queue of " + size);
        }
        roundEnd = index;
        completedInRound = false;
    }

    /** Whether the driver is to be interrupted for this round. */
    boolean interruptWanted() {
        if (!completedInRound) {
            return false;
        }
        VarHandle.fullFence();
        return (available.get(SHORT, RING_FLAGS) & NO_INTERRUPT) == 0;
    }

    int maxSize() {
        return maxSize;
    }

    boolean ready() {
        return ready;
    }

    void setSize(int newSize) {
        if (!ready) {
            size = newSize >= 0 && newSize <= maxSize ? newSize : 0;
        }
    }

    void setDescriptorArea(long value, long mask) {
        if (!ready) {
            descriptorArea = (descriptorArea & ~mask) | (value & mask);
        }
    }

    void setDriverArea(long value, long mask) {
        if (!ready) {
            driverArea = (driverArea & ~mask) | (value & mask);
        }
    }

    void setDeviceArea(long value, long mask) {
        if (!ready) {
            deviceArea = (deviceArea & ~mask) | (value & mask);
        }
    }

    /**
     * Checks what the driver has set and starts to use it.
     *
     * @throws MalformedQueueException if size or addresses cannot be used; the queue then stays off
     */
    void enable(boolean indirect) throws MalformedQueueException {
        if (ready) {
            return;
        }
        if (size < 1 || size > maxSize || Integer.bitCount(size) != 1) {
            throw new MalformedQueueException(
                    "the queue's size is not a power of two from 1 to " + maxSize + " (" + size + ")");
        }
        long descriptorBytes = (long) DescriptorChain.DESCRIPTOR_SIZE * size;
        long availableBytes = RING + 2L * size;
        long usedBytes = RING + (long) USED_ELEMENT * size;
        check("descriptor", descriptorArea, descriptorBytes, 16);
        check("driver", driverArea, availableBytes, 2);
        check("device", deviceArea, usedBytes, 4);
        descriptors = memory.keptSlice(descriptorArea, descriptorBytes);
        available = memory.keptSlice(driverArea, availableBytes);
        used = memory.keptSlice(deviceArea, usedBytes);
        indirectAllowed = indirect;
        nextAvailable = 0;
        nextUsed = 0;
        roundEnd = 0;
        ready = true;
    }

    void disable() {
        if (ready) {
            ready = false;
            memory.release(descriptors);
            memory.release(available);
            memory.release(used);
        }
    }

    private void check(String name, long address, long length, int alignment) throws MalformedQueueException {
        if (address % alignment != 0 || !memory.contains(address, length)) {
            throw new MalformedQueueException(name + " area at 0x" + Long.toHexString(address) + ", length " + length
                    + " is not RAM or not aligned to " + alignment);
        }
    }

    void save(ByteBuffer out) {
        out.putShort((short) size).put((byte) (ready ? 1 : 0));
        out.putLong(descriptorArea).putLong(driverArea).putLong(deviceArea);
        out.putShort((short) nextAvailable).putShort((short) nextUsed);
    }

    /** Fills a new queue from a saved one. */
    void restore(StateReader in, boolean indirect) {
        size = in.u16("queue size");
        boolean wasReady = in.bool("queue ready");
        descriptorArea = in.i64("descriptor area");
        driverArea = in.i64("driver area");
        deviceArea = in.i64("device area");
        int available16 = in.u16("next available");
        int used16 = in.u16("next used");
        if (wasReady) {
            try {
                enable(indirect);
            } catch (MalformedQueueException e) {
                throw in.fail(e.getMessage());
            }
        }
        nextAvailable = available16;
        roundEnd = available16;
        nextUsed = used16;
    }
}
