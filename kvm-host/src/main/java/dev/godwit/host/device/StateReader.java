package dev.godwit.host.device;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Reads a little-endian section of state that may come from a hostile peer: every read past the end, and every value out
 * of range, ends in a {@link DeviceStateException} that says where.
 */
public final class StateReader {
    private final String section;
    private final ByteBuffer bytes;

    /**
     * Starts at the beginning.
     *
     * @throws DeviceStateException if the version is not the known one
     */
    public StateReader(String section, int version, int knownVersion, byte[] state) {
        this.section = section;
        this.bytes = ByteBuffer.wrap(state).order(ByteOrder.LITTLE_ENDIAN);
        if (version != knownVersion) {
            throw fail("version " + version + " is unknown, this is version " + knownVersion);
        }
    }

    /** An unsigned byte. */
    public int u8(String what) {
        need(what, Byte.BYTES);
        return bytes.get() & 0xff;
    }

    /** A byte that must be 0 or 1. */
    public boolean bool(String what) {
        return (int) checked(what, u8(what), 0, 1) == 1;
    }

    /** An unsigned 16-bit value. */
    public int u16(String what) {
        need(what, Short.BYTES);
        return bytes.getShort() & 0xffff;
    }

    /** A 32-bit value. */
    public int i32(String what) {
        need(what, Integer.BYTES);
        return bytes.getInt();
    }

    /** A 64-bit value. */
    public long i64(String what) {
        need(what, Long.BYTES);
        return bytes.getLong();
    }

    /** So many bytes; checked against what is there before anything is allocated. */
    public byte[] bytes(String what, int length) {
        if (length < 0) {
            throw fail(what + " has a length of " + length);
        }
        need(what, length);
        byte[] copy = new byte[length];
        bytes.get(copy);
        return copy;
    }

    /** The value, if it lies between the bounds (both included). */
    public long checked(String what, long value, long min, long max) {
        if (value < min || value > max) {
            throw fail(what + " is " + value + ", allowed are " + min + " to " + max);
        }
        return value;
    }

    /** Nothing may be left. */
    public void end() {
        if (bytes.hasRemaining()) {
            throw fail(bytes.remaining() + " bytes too many");
        }
    }

    /** The exception for this section, to be thrown by the caller. */
    public DeviceStateException fail(String reason) {
        return new DeviceStateException(section, reason);
    }

    private void need(String what, int length) {
        if (bytes.remaining() < length) {
            throw fail("ends within " + what + ": byte " + bytes.position() + " needs " + length + " more, there are "
                    + bytes.remaining());
        }
    }
}
