package dev.godwit.host.device;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.godwit.host.memory.GuestMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * The driver's side of a virtio-mmio device with one queue, as a guest would do it: registers by the transport, rings and
 * buffers by plain stores to guest memory.
 */
final class FakeDriver {
    static final int NEXT = DescriptorChain.FLAG_NEXT;
    static final int WRITE = DescriptorChain.FLAG_WRITE;
    static final int INDIRECT = DescriptorChain.FLAG_INDIRECT;

    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    final GuestMemory memory;
    final MemorySegment ram;
    final int size;
    VirtioMmio transport;
    long descriptors = 0x1000;
    long available = 0x3000;
    long used = 0x4000;
    int freeDescriptor;
    int availableIndex;
    int usedIndex;

    FakeDriver(GuestMemory memory, VirtioMmio transport, int size) {
        this.memory = memory;
        this.ram = memory.segment();
        this.transport = transport;
        this.size = size;
    }

    int get(int register) {
        return (int) transport.read(register, 4);
    }

    void set(int register, int value) {
        transport.write(register, 4, Integer.toUnsignedLong(value));
    }

    long offered() {
        set(VirtioMmio.DEVICE_FEATURES_SELECT, 0);
        long low = Integer.toUnsignedLong(get(VirtioMmio.DEVICE_FEATURES));
        set(VirtioMmio.DEVICE_FEATURES_SELECT, 1);
        return low | (long) get(VirtioMmio.DEVICE_FEATURES) << 32;
    }

    void negotiate(long features) {
        set(VirtioMmio.STATUS, 0);
        set(VirtioMmio.STATUS, VirtioMmio.ACKNOWLEDGE);
        set(VirtioMmio.STATUS, VirtioMmio.ACKNOWLEDGE | VirtioMmio.DRIVER);
        set(VirtioMmio.DRIVER_FEATURES_SELECT, 0);
        set(VirtioMmio.DRIVER_FEATURES, (int) features);
        set(VirtioMmio.DRIVER_FEATURES_SELECT, 1);
        set(VirtioMmio.DRIVER_FEATURES, (int) (features >>> 32));
        set(VirtioMmio.STATUS, get(VirtioMmio.STATUS) | VirtioMmio.FEATURES_OK);
    }

    void setUpQueue() {
        set(VirtioMmio.QUEUE_SELECT, 0);
        set(VirtioMmio.QUEUE_SIZE, size);
        set(VirtioMmio.QUEUE_DESCRIPTOR_LOW, (int) descriptors);
        set(VirtioMmio.QUEUE_DESCRIPTOR_HIGH, (int) (descriptors >>> 32));
        set(VirtioMmio.QUEUE_DRIVER_LOW, (int) available);
        set(VirtioMmio.QUEUE_DRIVER_HIGH, (int) (available >>> 32));
        set(VirtioMmio.QUEUE_DEVICE_LOW, (int) used);
        set(VirtioMmio.QUEUE_DEVICE_HIGH, (int) (used >>> 32));
        set(VirtioMmio.QUEUE_READY, 1);
        freeDescriptor = 0;
        availableIndex = 0;
        usedIndex = 0;
        ram.asSlice(available, 6 + 2L * size).fill((byte) 0);
        ram.asSlice(used, 6 + 8L * size).fill((byte) 0);
    }

    /** All the way to DRIVER_OK with the features the device offers. */
    FakeDriver start() {
        return start(offered());
    }

    FakeDriver start(long features) {
        negotiate(features);
        setUpQueue();
        set(VirtioMmio.STATUS, get(VirtioMmio.STATUS) | VirtioMmio.DRIVER_OK);
        return this;
    }

    void descriptor(long table, int index, long address, int length, int flags, int next) {
        long at = table + 16L * index;
        ram.set(LONG, at, address);
        ram.set(INT, at + 8, length);
        ram.set(SHORT, at + 12, (short) flags);
        ram.set(SHORT, at + 14, (short) next);
    }

    /** Links buffers of {address, length, 1 if writable}; returns the head. */
    int chain(long[]... buffers) {
        int head = freeDescriptor;
        for (int i = 0; i < buffers.length; i++) {
            boolean last = i == buffers.length - 1;
            int flags = (buffers[i][2] != 0 ? WRITE : 0) | (last ? 0 : NEXT);
            int next = (freeDescriptor + 1) % size;
            descriptor(descriptors, freeDescriptor, buffers[i][0], (int) buffers[i][1], flags, next);
            freeDescriptor = next;
        }
        return head;
    }

    static long[] toRead(long address, long length) {
        return new long[] {address, length, 0};
    }

    static long[] toWrite(long address, long length) {
        return new long[] {address, length, 1};
    }

    /** Makes a head available without telling the device. */
    void offer(int head) {
        ram.set(SHORT, available + 4 + 2L * (availableIndex % size), (short) head);
        availableIndex++;
        ram.set(SHORT, available + 2, (short) availableIndex);
    }

    void availableIndex(int index) {
        ram.set(SHORT, available + 2, (short) index);
    }

    void availableFlags(int flags) {
        ram.set(SHORT, available, (short) flags);
    }

    void kick() {
        set(VirtioMmio.QUEUE_NOTIFY, 0);
    }

    int usedIndexInRam() {
        return ram.get(SHORT, used + 2) & 0xffff;
    }

    /** Expects the device to have given back that head; returns the used length. */
    int takeUsed(int head) {
        assertEquals((usedIndex + 1) & 0xffff, usedIndexInRam(), "exactly one more used");
        long at = used + 4 + 8L * (usedIndex % size);
        assertEquals(head, ram.get(INT, at));
        usedIndex = (usedIndex + 1) & 0xffff;
        return ram.get(INT, at + 4);
    }

    /** Offers, kicks and takes one chain. */
    int request(long[]... buffers) {
        int head = chain(buffers);
        offer(head);
        kick();
        return takeUsed(head);
    }

    void put(long address, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
        MemorySegment.copy(MemorySegment.ofArray(bytes), 0, ram, address, bytes.length);
    }

    String text(long address, int length) {
        return new String(ram.asSlice(address, length).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.US_ASCII);
    }

    int byteAt(long address) {
        return ram.get(ValueLayout.JAVA_BYTE, address) & 0xff;
    }

    void putInt(long address, int value) {
        ram.set(INT, address, value);
    }

    void putLong(long address, long value) {
        ram.set(LONG, address, value);
    }
}
