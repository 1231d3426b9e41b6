package dev.godwit.bindings.linux;

import dev.godwit.bindings.linux.gen.uffdio_api;
import dev.godwit.bindings.linux.gen.uffdio_continue;
import dev.godwit.bindings.linux.gen.uffdio_copy;
import dev.godwit.bindings.linux.gen.uffdio_move;
import dev.godwit.bindings.linux.gen.uffdio_poison;
import dev.godwit.bindings.linux.gen.uffdio_range;
import dev.godwit.bindings.linux.gen.uffdio_register;
import dev.godwit.bindings.linux.gen.uffdio_writeprotect;
import dev.godwit.bindings.linux.gen.uffdio_zeropage;

/**
 * The requests of a userfaultfd, for {@link Ioctl}.
 *
 * <p>Source: {@code include/uapi/linux/userfaultfd.h}; {@code ioctl_userfaultfd(2)} says what each does.
 */
public final class UserfaultIoctl {
    private static final int TYPE = 0xAA;

    /** Of {@code /dev/userfaultfd}: the argument is the flags, the result a userfaultfd. */
    public static final long USERFAULTFD_IOC_NEW = IoctlNumber.io(TYPE, 0x00);

    public static final long UFFDIO_API = IoctlNumber.iowr(TYPE, 0x3F, uffdio_api.layout());
    public static final long UFFDIO_REGISTER = IoctlNumber.iowr(TYPE, 0x00, uffdio_register.layout());
    public static final long UFFDIO_UNREGISTER = IoctlNumber.ior(TYPE, 0x01, uffdio_range.layout());
    public static final long UFFDIO_WAKE = IoctlNumber.ior(TYPE, 0x02, uffdio_range.layout());
    public static final long UFFDIO_COPY = IoctlNumber.iowr(TYPE, 0x03, uffdio_copy.layout());
    public static final long UFFDIO_ZEROPAGE = IoctlNumber.iowr(TYPE, 0x04, uffdio_zeropage.layout());
    /** Linux 6.8. */
    public static final long UFFDIO_MOVE = IoctlNumber.iowr(TYPE, 0x05, uffdio_move.layout());

    public static final long UFFDIO_WRITEPROTECT = IoctlNumber.iowr(TYPE, 0x06, uffdio_writeprotect.layout());
    public static final long UFFDIO_CONTINUE = IoctlNumber.iowr(TYPE, 0x07, uffdio_continue.layout());
    /** Linux 6.6. */
    public static final long UFFDIO_POISON = IoctlNumber.iowr(TYPE, 0x08, uffdio_poison.layout());

    private UserfaultIoctl() {}
}
