package dev.godwit.bindings.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.ref.Reference;

/**
 * {@code ioctl(2)}.
 *
 * <p>Threading: any thread; what may run at once on one descriptor is the driver's business.
 *
 * <p>Errors: the result is {@code -errno}, never an exception. EINTR and EAGAIN are results like others.
 *
 * <p>Safety: the kernel reads and writes what the request's structure says, without bounds that Java knows of. The
 * caller passes a native segment (or address) of at least that structure's size, with every pointer and count in it
 * valid, and nobody closes its arena during the call. The forms that take a {@code long} keep no memory reachable: the
 * caller does.
 */
public final class Ioctl {
    private static final MethodHandle IOCTL =
            Native.variadicCall("ioctl", 2, FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG));

    private Ioctl() {}

    /**
     * For hot paths and for arguments that are numbers.
     *
     * @param capture the calling thread's segment from {@link ErrnoCapture}
     * @param argument a number or an address, as the request wants
     * @return what the driver returns, 0 or more; {@code -errno} on failure
     */
    public static int ioctl(MemorySegment capture, int fd, long request, long argument) {
        try {
            return ErrnoCapture.result((int) IOCTL.invokeExact(capture, fd, request, argument), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** As {@link #ioctl(MemorySegment, int, long, long)} for a structure, which must be native memory. */
    public static int ioctl(MemorySegment capture, int fd, long request, MemorySegment structure) {
        try {
            return ioctl(capture, fd, request, Native.address(structure));
        } finally {
            Reference.reachabilityFence(structure);
        }
    }

    /** As {@link #ioctl(MemorySegment, int, long, long)} with the thread's own capture segment. */
    public static int ioctl(int fd, long request, long argument) {
        return ioctl(ErrnoCapture.ofThread(), fd, request, argument);
    }

    /** As {@link #ioctl(MemorySegment, int, long, MemorySegment)} with the thread's own capture segment. */
    public static int ioctl(int fd, long request, MemorySegment structure) {
        return ioctl(ErrnoCapture.ofThread(), fd, request, structure);
    }
}
