package dev.godwit.bindings.linux;

import java.lang.foreign.MemoryLayout;

/**
 * Builds {@code ioctl} request numbers as the kernel's {@code _IO}, {@code _IOR}, {@code _IOW} and {@code _IOWR} do.
 *
 * <pre>
 *  31 30 29          16 15        8 7         0
 * +-----+--------------+-----------+-----------+
 * | dir | size         | type      | number    |   dir: 1 = write (to the kernel), 2 = read, 3 = both
 * +-----+--------------+-----------+-----------+
 * </pre>
 *
 * <p>Source: {@code include/uapi/asm-generic/ioctl.h} (the x86 and arm64 form).
 */
public final class IoctlNumber {
    private static final long WRITE = 1;
    private static final long READ = 2;
    private static final long MAX_SIZE = (1 << 14) - 1;

    private IoctlNumber() {}

    /** A request whose argument, if any, is a number. */
    public static long io(int type, int number) {
        return build(0, type, number, 0);
    }

    /** A request that fills the structure. */
    public static long ior(int type, int number, MemoryLayout structure) {
        return build(READ, type, number, structure.byteSize());
    }

    /** A request that reads the structure. */
    public static long iow(int type, int number, MemoryLayout structure) {
        return build(WRITE, type, number, structure.byteSize());
    }

    /** A request that reads and fills the structure. */
    public static long iowr(int type, int number, MemoryLayout structure) {
        return build(READ | WRITE, type, number, structure.byteSize());
    }

    private static long build(long direction, int type, int number, long size) {
        if (type < 0 || type > 0xff || number < 0 || number > 0xff || size > MAX_SIZE) {
            throw new IllegalArgumentException("type " + type + ", number " + number + ", size " + size);
        }
        return direction << 30 | size << 16 | (long) type << 8 | number;
    }
}
