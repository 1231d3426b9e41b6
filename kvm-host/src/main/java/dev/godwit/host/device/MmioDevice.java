package dev.godwit.host.device;

/**
 * A device in guest-physical address space, outside RAM. The contract is that of {@link PortDevice}.
 */
public interface MmioDevice {
    /**
     * Reads from the device.
     *
     * @param offset of the first byte from the device's base, {@code 0 ≤ offset < length}; {@code offset + size} may reach
     *     past the end of the device
     * @param size 1 to 8 bytes (KVM splits what crosses a page, so odd sizes occur)
     * @return the value in the low {@code size} bytes; the bus ignores the others
     */
    long read(long offset, int size);

    /**
     * Writes to the device.
     *
     * @param offset as for {@link #read}
     * @param size 1 to 8 bytes
     * @param value zero-extended from {@code size} bytes
     */
    void write(long offset, int size, long value);
}
