package dev.godwit.bindings.linux;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * Opening a userfaultfd. The rest is {@link Ioctl} with {@link UserfaultIoctl}, and reading {@code uffd_msg}s.
 *
 * <p>Threading: any thread. Errors: {@code -errno}, never an exception.
 *
 * <p>Safety: a thread that touches registered memory sleeps until somebody resolves the fault: the resolving thread
 * never touches it.
 *
 * <p>Source: {@code userfaultfd(2)}, {@code ioctl_userfaultfd(2)}, {@code Documentation/admin-guide/mm/userfaultfd.rst}.
 */
public final class UserfaultCalls {
    private static final long SYS_userfaultfd = 0x143;

    public static final int UFFD_USER_MODE_ONLY = 1;

    private static final MethodHandle SYSCALL =
            Native.variadicCall("syscall", 1, FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG));

    private static final String DEVICE = "/dev/userfaultfd";

    private UserfaultCalls() {}

    /**
     * A new userfaultfd, not yet asked for its API.
     *
     * <p>Without {@link #UFFD_USER_MODE_ONLY} the system call needs a capability or a sysctl; then the device file is
     * tried, which needs file permissions only. Faults by the kernel, KVM's among them, need the full kind.
     *
     * @param flags {@link FileCalls#O_CLOEXEC}, {@link FileCalls#O_NONBLOCK}, {@link #UFFD_USER_MODE_ONLY}
     * @return a descriptor, or the {@code -errno} of the system call
     */
    public static int userfaultfd(int flags) {
        int fd = systemCall(flags);
        if (fd != -Errno.EPERM && fd != -Errno.ENOSYS) {
            return fd;
        }
        int device = device(flags);
        return device >= 0 ? device : fd;
    }

    private static int systemCall(int flags) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try {
            long result = (long) SYSCALL.invokeExact(capture, SYS_userfaultfd, (long) flags);
            return (int) ErrnoCapture.result(result, capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    private static int device(int flags) {
        int device = FileCalls.open(DEVICE, FileCalls.O_RDWR | FileCalls.O_CLOEXEC);
        if (device < 0) {
            return device;
        }
        int fd = Ioctl.ioctl(device, UserfaultIoctl.USERFAULTFD_IOC_NEW, flags);
        FileCalls.close(device);
        return fd;
    }
}
