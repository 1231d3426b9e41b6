package dev.godwit.bindings.linux;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * Mapping memory and telling the kernel about it.
 *
 * <p>Addresses and lengths are bytes; addresses are multiples of the page size.
 *
 * <p>Threading: any thread. Errors: {@code -errno}, never an exception.
 *
 * <p>Safety: these calls can take memory away from under a running JVM. Pass only ranges that come from {@link #mmap}
 * and that no other thread uses in a way the change would break.
 *
 * <p>Source: {@code mmap(2)}, {@code mremap(2)}, {@code madvise(2)}, {@code mprotect(2)}, {@code msync(2)},
 * {@code mlock(2)}, {@code mincore(2)}, {@code memfd_create(2)}, {@code memcmp(3)},
 * {@code memset(3)}.
 */
public final class MemoryCalls {
    public static final int PROT_NONE = 0;
    public static final int PROT_READ = 1;
    public static final int PROT_WRITE = 2;
    public static final int PROT_EXEC = 4;

    public static final int MAP_SHARED = 1;
    public static final int MAP_PRIVATE = 2;
    public static final int MAP_SHARED_VALIDATE = 3;
    public static final int MAP_FIXED = 0x10;
    public static final int MAP_FIXED_NOREPLACE = 0x100000;
    public static final int MAP_ANONYMOUS = 0x20;
    public static final int MAP_NORESERVE = 0x4000;
    public static final int MAP_POPULATE = 0x8000;
    public static final int MAP_HUGETLB = 0x40000;
    public static final int MAP_HUGE_SHIFT = 0x1a;
    public static final int MAP_SYNC = 0x80000;
    public static final int MAP_LOCKED = 0x2000;

    public static final int MADV_NORMAL = 0;
    public static final int MADV_RANDOM = 1;
    public static final int MADV_SEQUENTIAL = 2;
    public static final int MADV_WILLNEED = 3;
    public static final int MADV_DONTNEED = 4;
    public static final int MADV_REMOVE = 9;
    public static final int MADV_DONTFORK = 0xa;
    public static final int MADV_MERGEABLE = 0xc;
    public static final int MADV_HUGEPAGE = 0xe;
    public static final int MADV_NOHUGEPAGE = 0xf;
    public static final int MADV_DONTDUMP = 0x10;
    public static final int MADV_COLD = 0x14;
    public static final int MADV_PAGEOUT = 0x15;
    public static final int MADV_POPULATE_READ = 0x16;
    public static final int MADV_POPULATE_WRITE = 0x17;
    public static final int MADV_COLLAPSE = 0x19;

    public static final int MFD_CLOEXEC = 1;
    public static final int MFD_ALLOW_SEALING = 2;
    public static final int MFD_HUGETLB = 4;

    public static final int MS_ASYNC = 1;
    public static final int MS_INVALIDATE = 2;
    public static final int MS_SYNC = 4;

    public static final int MREMAP_MAYMOVE = 1;
    public static final int MREMAP_FIXED = 2;
    public static final int MREMAP_DONTUNMAP = 4;

    public static final int MLOCK_ONFAULT = 1;

    private static final MethodHandle MMAP = Native.call(
            "mmap", FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG));
    private static final MethodHandle MUNMAP =
            Native.call("munmap", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG));
    private static final MethodHandle MREMAP = Native.variadicCall(
            "mremap", 4, FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_LONG));
    private static final MethodHandle MADVISE =
            Native.call("madvise", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT));
    private static final MethodHandle MPROTECT =
            Native.call("mprotect", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT));
    private static final MethodHandle MSYNC =
            Native.call("msync", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT));
    private static final MethodHandle MLOCK =
            Native.call("mlock", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG));
    private static final MethodHandle MLOCK2 =
            Native.call("mlock2", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT));
    private static final MethodHandle MUNLOCK =
            Native.call("munlock", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG));
    private static final MethodHandle MINCORE =
            Native.call("mincore", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG));
    private static final MethodHandle MEMFD_CREATE =
            Native.call("memfd_create", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT));

    private static final MethodHandle MEMCMP =
            Native.plainCall("memcmp", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG));

    private static final MethodHandle MEMSET =
            Native.plainCall("memset", FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_LONG));

    private MemoryCalls() {}

    /**
     * Maps memory.
     *
     * @param address where, or a hint, or 0
     * @param protection {@code PROT_} bits
     * @param flags {@code MAP_} bits
     * @param fd the file, or -1 with {@link #MAP_ANONYMOUS}
     * @return the address, or {@code -errno} (no address is negative)
     */
    public static long mmap(long address, long length, int protection, int flags, int fd, long offset) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try {
            return ErrnoCapture.result(
                    (long) MMAP.invokeExact(capture, address, length, protection, flags, fd, offset), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** Unmaps the pages of the range; absent ones are no error. */
    public static int munmap(long address, long length) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try {
            return ErrnoCapture.result((int) MUNMAP.invokeExact(capture, address, length), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /**
     * Resizes or moves a mapping.
     *
     * @param newAddress used with {@link #MREMAP_FIXED} or {@link #MREMAP_DONTUNMAP}, else 0
     * @return the new address, or {@code -errno}
     */
    public static long mremap(long address, long oldLength, long newLength, int flags, long newAddress) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try {
            return ErrnoCapture.result(
                    (long) MREMAP.invokeExact(capture, address, oldLength, newLength, flags, newAddress), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /**
     * Advises the kernel about the range; some {@code MADV_} values change its content.
     *
     * @param address a multiple of the page size
     */
    public static int madvise(MemorySegment capture, long address, long length, int advice) {
        try {
            return ErrnoCapture.result((int) MADVISE.invokeExact(capture, address, length, advice), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** As {@link #madvise(MemorySegment, long, long, int)} with the thread's own capture segment. */
    public static int madvise(long address, long length, int advice) {
        return madvise(ErrnoCapture.ofThread(), address, length, advice);
    }

    /** Changes what may be done with the pages. */
    public static int mprotect(long address, long length, int protection) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try {
            return ErrnoCapture.result((int) MPROTECT.invokeExact(capture, address, length, protection), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** Writes a shared file mapping back; with {@link #MS_SYNC} it is on storage when this returns 0. */
    public static int msync(long address, long length, int flags) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try {
            return ErrnoCapture.result((int) MSYNC.invokeExact(capture, address, length, flags), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** Brings the pages in and keeps them. */
    public static int mlock(long address, long length) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try {
            return ErrnoCapture.result((int) MLOCK.invokeExact(capture, address, length), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** As {@link #mlock}; with {@link #MLOCK_ONFAULT} pages are kept from their first touch. */
    public static int mlock2(long address, long length, int flags) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try {
            return ErrnoCapture.result((int) MLOCK2.invokeExact(capture, address, length, flags), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** Lets the pages go again. */
    public static int munlock(long address, long length) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try {
            return ErrnoCapture.result((int) MUNLOCK.invokeExact(capture, address, length), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /**
     * Which pages of the range are in memory.
     *
     * @param vector address of one byte a page; bit 0 is set if the page is there
     */
    public static int mincore(long address, long length, long vector) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try {
            return ErrnoCapture.result((int) MINCORE.invokeExact(capture, address, length, vector), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /**
     * Whether two ranges hold the same bytes (C's {@code memcmp}, which reads memory as fast as it can be read). It is
     * an ordinary call: a page that has to be fetched first holds up no safepoint.
     *
     * @param a address of a range that is mapped for as long as this takes
     * @param b address of another, or the same
     * @param length bytes
     */
    public static boolean equal(long a, long b, long length) {
        try {
            return (int) MEMCMP.invokeExact(a, b, length) == 0;
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /**
     * Writes zeros (C's {@code memset}). An ordinary call, in which a first touch holds up no safepoint; and, as a fault of
     * a program and not of the kernel, since Linux 6.4 nobody who changes another mapping of the process.
     *
     * @param address of a range that is mapped for as long as this takes
     * @param length bytes
     */
    public static void zero(long address, long length) {
        try {
            long _ = (long) MEMSET.invokeExact(address, 0, length);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** An anonymous file; {@code name} shows in {@code /proc}. Returns a descriptor or {@code -errno}. */
    public static int memfdCreate(String name, int flags) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try (Arena arena = Arena.ofConfined()) {
            int fd = (int) MEMFD_CREATE.invokeExact(capture, arena.allocateFrom(name), flags);
            return ErrnoCapture.result(fd, capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }
}
