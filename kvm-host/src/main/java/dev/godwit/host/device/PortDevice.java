package dev.godwit.host.device;

/**
 * A device on the x86 I/O port bus.
 *
 * <p>Called on vCPU threads, several at once: a device locks itself, and has finished the request when it returns. The
 * guest chooses offset, size and value, so no combination of them may make a device throw; an exception means a fault of
 * the agent's own and stops that guest.
 */
public interface PortDevice {
    /**
     * Reads from the device.
     *
     * @param offset of the first byte from the device's base, {@code 0 ≤ offset < length}; {@code offset + size} may reach
     *     past the end of the device
     * @param size 1, 2 or 4 bytes
     * @return the value in the low {@code size} bytes; the bus ignores the others
     */
    int read(int offset, int size);

    /**
     * Writes to the device.
     *
     * @param offset as for {@link #read}
     * @param size 1, 2 or 4 bytes
     * @param value zero-extended from {@code size} bytes
     */
    void write(int offset, int size, int value);
}
