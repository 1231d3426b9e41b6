package dev.godwit.bindings.linux;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.godwit.bindings.linux.gen.stat;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.ref.Reference;

/**
 * Opening and closing descriptors, and the calls on files by descriptor.
 *
 * <p>Threading: any thread. A descriptor closed by one thread while another uses it may by then mean another file: the
 * owner closes it after its users have stopped.
 *
 * <p>Errors: {@code -errno}, never an exception. A short count is a result. Offsets and lengths are bytes, 0 or more.
 *
 * <p>Safety: forms that take an address trust it and the length, and keep no memory reachable. Forms that take a
 * segment use the whole segment; it must be native, and nobody closes its arena during the call.
 *
 * <p>Source: {@code open(2)}, {@code read(2)}, {@code pread(2)}, {@code lseek(2)}, {@code fstat(2)},
 * {@code fallocate(2)}, {@code fsync(2)}, {@code fcntl(2)}, {@code pipe(2)}.
 */
public final class FileCalls {
    public static final int O_RDONLY = 0;
    public static final int O_WRONLY = 1;
    public static final int O_RDWR = 2;
    public static final int O_CREAT = 0x40;
    public static final int O_EXCL = 0x80;
    public static final int O_TRUNC = 0x200;
    public static final int O_APPEND = 0x400;
    public static final int O_NONBLOCK = 0x800;
    public static final int O_DIRECT = 0x4000;
    public static final int O_DIRECTORY = 0x10000;
    public static final int O_CLOEXEC = 0x80000;

    public static final int F_GETFD = 1;
    public static final int F_SETFD = 2;
    public static final int F_GETFL = 3;
    public static final int F_SETFL = 4;
    public static final int F_DUPFD_CLOEXEC = 1030;
    public static final int F_ADD_SEALS = 1033;
    public static final int F_GET_SEALS = 1034;
    public static final int F_SEAL_SEAL = 1;
    public static final int F_SEAL_SHRINK = 2;
    public static final int F_SEAL_GROW = 4;

    public static final int FALLOC_FL_KEEP_SIZE = 1;
    public static final int FALLOC_FL_PUNCH_HOLE = 2;
    public static final int FALLOC_FL_ZERO_RANGE = 0x10;

    public static final int SEEK_SET = 0;
    public static final int SEEK_CUR = 1;
    public static final int SEEK_END = 2;
    public static final int SEEK_DATA = 3;
    public static final int SEEK_HOLE = 4;

    private static final MethodHandle OPEN =
            Native.variadicCall("open", 2, FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT));
    private static final MethodHandle CLOSE = Native.call("close", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
    private static final MethodHandle READ =
            Native.call("read", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG));
    private static final MethodHandle WRITE =
            Native.call("write", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG));
    private static final MethodHandle PREAD =
            Native.call("pread", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG));
    private static final MethodHandle PWRITE =
            Native.call("pwrite", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG));
    private static final MethodHandle FTRUNCATE =
            Native.call("ftruncate", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG));
    private static final MethodHandle FSYNC = Native.call("fsync", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
    private static final MethodHandle FDATASYNC = Native.call("fdatasync", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
    private static final MethodHandle FALLOCATE =
            Native.call("fallocate", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG));
    private static final MethodHandle LSEEK =
            Native.call("lseek", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT));
    private static final MethodHandle FSTAT = Native.call("fstat", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS));
    private static final MethodHandle FCNTL =
            Native.variadicCall("fcntl", 2, FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG));
    private static final MethodHandle PIPE2 = Native.call("pipe2", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT));

    private FileCalls() {}

    /**
     * Opens {@code path}; {@link #O_CLOEXEC} keeps it from child processes.
     *
     * @param mode permission bits of a file that this creates, such as {@code 0600}
     * @return a descriptor or {@code -errno}
     */
    public static int open(String path, int flags, int mode) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try (Arena arena = Arena.ofConfined()) {
            int fd = (int) OPEN.invokeExact(capture, arena.allocateFrom(path), flags, mode);
            return ErrnoCapture.result(fd, capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** Opens an existing file or device. */
    public static int open(String path, int flags) {
        return open(path, flags, 0);
    }

    /** Closes {@code fd}, once: on Linux it is closed after EINTR, too. */
    public static int close(int fd) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try {
            return ErrnoCapture.result((int) CLOSE.invokeExact(capture, fd), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** Reads at most {@code length} bytes to {@code address}; 0 is the end. */
    public static long read(MemorySegment capture, int fd, long address, long length) {
        try {
            return ErrnoCapture.result((long) READ.invokeExact(capture, fd, address, length), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** Reads into {@code buffer}; 0 is the end. */
    public static long read(int fd, MemorySegment buffer) {
        try {
            return read(ErrnoCapture.ofThread(), fd, Native.address(buffer), buffer.byteSize());
        } finally {
            Reference.reachabilityFence(buffer);
        }
    }

    /** Writes at most {@code length} bytes from {@code address}. */
    public static long write(MemorySegment capture, int fd, long address, long length) {
        try {
            return ErrnoCapture.result((long) WRITE.invokeExact(capture, fd, address, length), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** Writes {@code buffer}, or a part of it. */
    public static long write(int fd, MemorySegment buffer) {
        try {
            return write(ErrnoCapture.ofThread(), fd, Native.address(buffer), buffer.byteSize());
        } finally {
            Reference.reachabilityFence(buffer);
        }
    }

    /** Reads at most {@code length} bytes of the file at {@code offset} to {@code address}. */
    public static long pread(MemorySegment capture, int fd, long address, long length, long offset) {
        try {
            return ErrnoCapture.result((long) PREAD.invokeExact(capture, fd, address, length, offset), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** Reads the file at {@code offset} into {@code buffer}. */
    public static long pread(int fd, MemorySegment buffer, long offset) {
        try {
            return pread(ErrnoCapture.ofThread(), fd, Native.address(buffer), buffer.byteSize(), offset);
        } finally {
            Reference.reachabilityFence(buffer);
        }
    }

    /** Writes at most {@code length} bytes from {@code address} to the file at {@code offset}. */
    public static long pwrite(MemorySegment capture, int fd, long address, long length, long offset) {
        try {
            return ErrnoCapture.result((long) PWRITE.invokeExact(capture, fd, address, length, offset), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** Writes {@code buffer}, or a part of it, to the file at {@code offset}. */
    public static long pwrite(int fd, MemorySegment buffer, long offset) {
        try {
            return pwrite(ErrnoCapture.ofThread(), fd, Native.address(buffer), buffer.byteSize(), offset);
        } finally {
            Reference.reachabilityFence(buffer);
        }
    }

    /** Makes the file {@code length} bytes long; what is added is a hole. */
    public static int ftruncate(int fd, long length) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try {
            return ErrnoCapture.result((int) FTRUNCATE.invokeExact(capture, fd, length), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** Content and metadata are on stable storage when this returns 0. */
    public static int fsync(int fd) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try {
            return ErrnoCapture.result((int) FSYNC.invokeExact(capture, fd), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** As {@link #fsync} without the metadata that reading does not need. */
    public static int fdatasync(int fd) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try {
            return ErrnoCapture.result((int) FDATASYNC.invokeExact(capture, fd), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** Allocates, zeroes or punches out a range; {@code mode} is 0 or {@code FALLOC_FL_} bits. */
    public static int fallocate(int fd, int mode, long offset, long length) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try {
            return ErrnoCapture.result((int) FALLOCATE.invokeExact(capture, fd, mode, offset, length), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /**
     * Moves the descriptor's position.
     *
     * @param whence {@code SEEK_}: with {@link #SEEK_DATA} and {@link #SEEK_HOLE} to the first data, or the first hole,
     *     at {@code offset} or behind it; the end of the file is a hole
     * @return the new position, or {@code -errno} ({@code ENXIO}: no more data, or {@code offset} is past the end)
     */
    public static long lseek(int fd, long offset, int whence) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try {
            return ErrnoCapture.result((long) LSEEK.invokeExact(capture, fd, offset, whence), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** The {@code F_} commands whose argument is a number. */
    public static int fcntl(int fd, int command, long argument) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try {
            return ErrnoCapture.result((int) FCNTL.invokeExact(capture, fd, command, argument), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** The file's size in bytes (0 for devices and pipes), or {@code -errno}. */
    public static long size(int fd) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment status = arena.allocate(stat.layout());
            int result = ErrnoCapture.result((int) FSTAT.invokeExact(capture, fd, status), capture);
            return result < 0 ? result : stat.st_size(status);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /**
     * Makes a pipe.
     *
     * @param ends at least two {@code int}s that receive the reading and the writing descriptor
     * @param flags {@link #O_CLOEXEC}, {@link #O_NONBLOCK}
     */
    public static int pipe2(MemorySegment ends, int flags) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try {
            MemorySegment two = ends.asSlice(0, 2 * JAVA_INT.byteSize());
            return ErrnoCapture.result((int) PIPE2.invokeExact(capture, two, flags), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }
}
