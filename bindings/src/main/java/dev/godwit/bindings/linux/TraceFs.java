package dev.godwit.bindings.linux;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The kernel's tracing file system, read through a mount that only this object sees: where it is mounted differs
 * between hosts, and on some it is not. Needs what mounting needs (CAP_SYS_ADMIN).
 *
 * <p>Threading: one thread at a time.
 *
 * <p>Source: {@code fsopen(2)}, {@code fsmount(2)}, {@code Documentation/trace/events.rst}.
 */
public final class TraceFs implements AutoCloseable {
    private static final long SYS_fsopen = 430;
    private static final long SYS_fsconfig = 431;
    private static final long SYS_fsmount = 432;
    private static final long CLOEXEC = 1;
    private static final long FSCONFIG_CMD_CREATE = 6;

    private final int mount;

    private TraceFs(int mount) {
        this.mount = mount;
    }

    /**
     * Opens it.
     *
     * @throws SystemCallException when the kernel has none or this process may not
     */
    public static TraceFs open() {
        int context;
        try (Arena arena = Arena.ofConfined()) {
            context = check(call(SYS_fsopen, arena.allocateFrom("tracefs").address(), CLOEXEC), "fsopen");
        }
        try {
            check(call(SYS_fsconfig, context, FSCONFIG_CMD_CREATE), "fsconfig");
            return new TraceFs(check(call(SYS_fsmount, context, CLOEXEC), "fsmount"));
        } finally {
            FileCalls.close(context);
        }
    }

    /**
     * The text of one of its files.
     *
     * @param path below its root, such as {@code events/kvm/kvm_entry/id}
     * @throws SystemCallException with ENOENT when this kernel has no such file
     */
    public String read(String path) {
        Path file = Path.of("/proc/self/fd/" + mount, path);
        try {
            return Files.readString(file, StandardCharsets.US_ASCII);
        } catch (IOException e) {
            throw new SystemCallException("read of tracefs", path, Errno.ENOENT);
        }
    }

    @Override
    public void close() {
        FileCalls.close(mount);
    }

    private static int check(long result, String operation) {
        return (int) SystemCallException.check(result, operation, "tracefs");
    }

    private static long call(long number, long first, long second) {
        return Native.systemCall(number, first, second, 0, 0, 0);
    }
}
