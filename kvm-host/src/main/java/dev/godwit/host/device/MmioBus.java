package dev.godwit.host.device;

import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The devices in guest-physical address space.
 *
 * <p>The device that claims the first byte of an access gets the whole access. Reads nobody claims give all ones, writes
 * nobody claims are dropped; both are counted. Exceptions of a device pass through to the caller.
 *
 * <p>Thread-safe; {@link #read} and {@link #write} neither lock nor allocate.
 */
public final class MmioBus {
    /** First address past what x86 can have: 52 bits. */
    private static final long ADDRESS_LIMIT = 1L << 52;

    private final AtomicLong unclaimedReads = new AtomicLong();
    private final AtomicLong unclaimedWrites = new AtomicLong();
    private volatile AddressRanges<MmioDevice> ranges = new AddressRanges<>();

    /**
     * Attaches a device.
     *
     * @param base first guest-physical address
     * @param length bytes, at least 1
     * @throws IllegalArgumentException if the range lies outside the address space or another device has part of it
     */
    public synchronized void attach(long base, long length, MmioDevice device) {
        ranges = ranges.with(base, length, Objects.requireNonNull(device), ADDRESS_LIMIT);
    }

    /**
     * Reads from a guest-physical address outside RAM.
     *
     * @param size 1 to 8 bytes
     * @return the value, zero-extended from {@code size} bytes
     */
    public long read(long gpa, int size) {
        AddressRanges<MmioDevice> now = ranges;
        int index = now.indexOf(gpa);
        if (index < 0) {
            unclaimedReads.getAndIncrement();
            return mask(size);
        }
        return now.device(index).read(gpa - now.base(index), size) & mask(size);
    }

    /**
     * Writes to a guest-physical address outside RAM.
     *
     * @param size 1 to 8 bytes
     * @param value what the guest wrote, in the low {@code size} bytes
     */
    public void write(long gpa, int size, long value) {
        AddressRanges<MmioDevice> now = ranges;
        int index = now.indexOf(gpa);
        if (index < 0) {
            unclaimedWrites.getAndIncrement();
            return;
        }
        now.device(index).write(gpa - now.base(index), size, value & mask(size));
    }

    /** Reads that found no device since the machine was made. */
    public long unclaimedReads() {
        return unclaimedReads.get();
    }

    /** Writes that found no device since the machine was made. */
    public long unclaimedWrites() {
        return unclaimedWrites.get();
    }

    private static long mask(int size) {
        return size >= Long.BYTES ? -1L : (1L << (size * 8)) - 1;
    }
}
