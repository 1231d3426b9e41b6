package dev.godwit.bindings.linux;

import dev.godwit.bindings.linux.gen.pm_scan_arg;

/**
 * The request of {@code /proc/PID/pagemap}, for {@link Ioctl}.
 *
 * <p>Source: {@code include/uapi/linux/fs.h}, {@code Documentation/admin-guide/mm/pagemap.rst}.
 */
public final class PagemapIoctl {
    /** Finds ranges of pages by what they are, and may write-protect them; Linux 6.7. */
    public static final long PAGEMAP_SCAN = IoctlNumber.iowr('f', 16, pm_scan_arg.layout());

    private PagemapIoctl() {}
}
