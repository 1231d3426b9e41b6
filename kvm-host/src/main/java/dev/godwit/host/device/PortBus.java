package dev.godwit.host.device;

import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The 64 Ki I/O ports of a machine.
 *
 * <p>The device that claims the first port of an access gets the whole access. Reads nobody claims give all ones, writes
 * nobody claims are dropped; both are counted. Exceptions of a device pass through to the caller.
 *
 * <p>Thread-safe; {@link #read} and {@link #write} neither lock nor allocate. String instructions are one call an element.
 */
public final class PortBus {
    /** Number of ports. */
    public static final int PORTS = 0x10000;

    private final AtomicLong unclaimedReads = new AtomicLong();
    private final AtomicLong unclaimedWrites = new AtomicLong();
    private volatile AddressRanges<PortDevice> ranges = new AddressRanges<>();

    /**
     * Attaches a device.
     *
     * @param base first port
     * @param length number of ports, at least 1
     * @throws IllegalArgumentException if the ports do not exist or another device has one of them
     */
    public synchronized void attach(int base, int length, PortDevice device) {
        ranges = ranges.with(base, length, Objects.requireNonNull(device), PORTS);
    }

    /**
     * Reads a port.
     *
     * @param size 1, 2 or 4 bytes
     * @return the value, zero-extended from {@code size} bytes
     */
    public int read(int port, int size) {
        AddressRanges<PortDevice> now = ranges;
        int index = now.indexOf(port);
        if (index < 0) {
            unclaimedReads.getAndIncrement();
            return mask(size);
        }
        return now.device(index).read((int) (port - now.base(index)), size) & mask(size);
    }

    /**
     * Writes a port.
     *
     * @param size 1, 2 or 4 bytes
     * @param value what the guest wrote, in the low {@code size} bytes
     */
    public void write(int port, int size, int value) {
        AddressRanges<PortDevice> now = ranges;
        int index = now.indexOf(port);
        if (index < 0) {
            unclaimedWrites.getAndIncrement();
            return;
        }
        now.device(index).write((int) (port - now.base(index)), size, value & mask(size));
    }

    /** Reads that found no device since the machine was made. */
    public long unclaimedReads() {
        return unclaimedReads.get();
    }

    /** Writes that found no device since the machine was made. */
    public long unclaimedWrites() {
        return unclaimedWrites.get();
    }

    private static int mask(int size) {
        return size >= Integer.BYTES ? -1 : (1 << (size * 8)) - 1;
    }
}
