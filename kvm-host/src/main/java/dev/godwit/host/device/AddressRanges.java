package dev.godwit.host.device;

import java.util.Arrays;

/**
 * Which device claims an address: disjoint ranges, sorted by base, looked up without allocation.
 *
 * <p>Immutable; a bus replaces it whole when a device is attached.
 *
 * @param <D> the kind of device
 */
final class AddressRanges<D> {
    private final long[] bases;
    private final long[] lengths;
    private final Object[] devices;

    AddressRanges() {
        this(new long[0], new long[0], new Object[0]);
    }

    private AddressRanges(long[] bases, long[] lengths, Object[] devices) {
        this.bases = bases;
        this.lengths = lengths;
        this.devices = devices;
    }

    /**
     * These ranges and one more.
     *
     * @param limit first address past the address space
     * @throws IllegalArgumentException if the range is empty, leaves the address space or overlaps another
     */
    AddressRanges<D> with(long base, long length, D device, long limit) {
        if (base < 0 || length <= 0 || base > limit - length) {
            throw new IllegalArgumentException(String.format(
                    "%s cannot be attached at 0x%x, length %d: outside the address space of 0x%x",
                    nameOf(device), base, length, limit));
        }
        int at = 0;
        while (at < bases.length && bases[at] < base) {
            at++;
        }
        if (at > 0 && bases[at - 1] + lengths[at - 1] > base) {
            throw overlap(base, length, device, at - 1);
        }
        if (at < bases.length && base + length > bases[at]) {
            throw overlap(base, length, device, at);
        }
        long[] newBases = Arrays.copyOf(bases, bases.length + 1);
        long[] newLengths = Arrays.copyOf(lengths, lengths.length + 1);
        Object[] newDevices = Arrays.copyOf(devices, devices.length + 1);
        System.arraycopy(bases, at, newBases, at + 1, bases.length - at);
        System.arraycopy(lengths, at, newLengths, at + 1, lengths.length - at);
        System.arraycopy(devices, at, newDevices, at + 1, devices.length - at);
        newBases[at] = base;
        newLengths[at] = length;
        newDevices[at] = device;
        return new AddressRanges<>(newBases, newLengths, newDevices);
    }

    /** The index of the range that holds the address, or -1. A machine has a dozen devices: a scan is fastest. */
    int indexOf(long address) {
        for (int i = 0; i < bases.length; i++) {
            long offset = address - bases[i];
            if (offset >= 0 && offset < lengths[i]) {
                return i;
            }
        }
        return -1;
    }

    long base(int index) {
        return bases[index];
    }

    @SuppressWarnings("unchecked") // only with() stores devices, and it takes D
    D device(int index) {
        return (D) devices[index];
    }

    private IllegalArgumentException overlap(long base, long length, D device, int other) {
        return new IllegalArgumentException(String.format(
                "%s at 0x%x..0x%x overlaps %s at 0x%x..0x%x",
                nameOf(device),
                base,
                base + length - 1,
                nameOf(devices[other]),
                bases[other],
                bases[other] + lengths[other] - 1));
    }

    private static String nameOf(Object device) {
        String simple = device.getClass().getSimpleName();
        return simple.isEmpty() ? device.getClass().getName() : simple;
    }
}
