package dev.godwit.host.memory;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.godwit.bindings.linux.Errno;
import dev.godwit.bindings.linux.EventCalls;
import dev.godwit.bindings.linux.FileCalls;
import dev.godwit.bindings.linux.Ioctl;
import dev.godwit.bindings.linux.SystemCallException;
import dev.godwit.bindings.linux.UserfaultCalls;
import dev.godwit.bindings.linux.UserfaultIoctl;
import dev.godwit.bindings.linux.gen.linux_h;
import dev.godwit.bindings.linux.gen.uffd_msg;
import dev.godwit.bindings.linux.gen.uffdio_api;
import dev.godwit.bindings.linux.gen.uffdio_copy;
import dev.godwit.bindings.linux.gen.uffdio_move;
import dev.godwit.bindings.linux.gen.uffdio_range;
import dev.godwit.bindings.linux.gen.uffdio_register;
import dev.godwit.bindings.linux.gen.uffdio_zeropage;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One userfaultfd: whoever touches a missing page of a registered range sleeps until somebody puts a page there. The
 * descriptor does not block.
 *
 * <p>A range belongs to one userfaultfd at a time. Addresses and lengths are bytes, multiples of the page size; all
 * ranges are this process's.
 *
 * <p>{@link #move}, {@link #copy} and {@link #zero} return the bytes done from the start, which may be fewer than asked
 * for, or {@code -errno} when none were: EEXIST where a page is already, EAGAIN when the mappings or a page are just
 * changing (try again), ENOENT where there is no page to move, EBUSY for a page in use by the kernel. They wake whoever
 * waits for the pages done.
 *
 * <p>Threading: any thread; calls allocate nothing after a thread's first. {@link #close} when no call is under way;
 * it ends registration, and a later touch of a missing page finds zeros.
 *
 * <p>Source: {@code ioctl_userfaultfd(2)}, {@code Documentation/admin-guide/mm/userfaultfd.rst}.
 */
public final class Userfault implements AutoCloseable {
    /** Bytes of one message in the buffer of {@link #read}. */
    public static final long MESSAGE = uffd_msg.sizeof();

    private static final int CLOSED = -1;
    private static final Pattern RELEASE = Pattern.compile("(\\d+)\\.(\\d+)");
    private static final boolean FREES_TABLES = isSince(System.getProperty("os.version"), 6, 14);
    private static final long ADDRESS = uffd_msg.arg$offset() + uffd_msg.arg.pagefault.address$offset();
    private static final long THREAD =
            uffd_msg.arg$offset() + uffd_msg.arg.pagefault.feat$offset() + uffd_msg.arg.pagefault.feat.ptid$offset();
    private static final long FLAGS = uffd_msg.arg$offset() + uffd_msg.arg.pagefault.flags$offset();
    private static final ThreadLocal<MemorySegment> ARGUMENT =
            ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(uffdio_copy.sizeof() + uffdio_move.sizeof(), 8));

    private final long features;
    private volatile int fd;

    private Userfault(int fd, long features) {
        this.fd = fd;
        this.features = features;
    }

    /**
     * Opens one that also sees the kernel's faults, KVM's among them.
     *
     * @throws SystemCallException when the host does not allow it; {@code godwit check} says how it would
     */
    public static Userfault open() {
        int fd = SystemCallException.checkInt(
                UserfaultCalls.userfaultfd(FileCalls.O_CLOEXEC | FileCalls.O_NONBLOCK), "userfaultfd");
        MemorySegment api = ARGUMENT.get().fill((byte) 0);
        uffdio_api.api(api, linux_h.UFFD_API());
        // Since Linux 4.14; what else the kernel has it says all the same.
        uffdio_api.features(api, linux_h.UFFD_FEATURE_THREAD_ID());
        int result = Ioctl.ioctl(fd, UserfaultIoctl.UFFDIO_API, api);
        if (result < 0) {
            FileCalls.close(fd);
        }
        SystemCallException.check(result, "UFFDIO_API");
        return new Userfault(fd, uffdio_api.features(api));
    }

    /** Why this host does not allow one, in one line; empty when it does. */
    public static Optional<String> problem() {
        try (Userfault _ = open()) {
            return Optional.empty();
        } catch (SystemCallException e) {
            return Optional.of(e.getMessage());
        }
    }

    /** Why pages cannot be {@link #move moved} on this host, in one line; empty when they can. */
    public static Optional<String> moveProblem() {
        try (Userfault userfault = open()) {
            return userfault.canMove()
                    ? Optional.empty()
                    : Optional.of("this kernel has no UFFDIO_MOVE (Linux 6.8 has)");
        } catch (SystemCallException e) {
            return Optional.of(e.getMessage());
        }
    }

    /** Whether {@code MADV_DONTNEED} of 2 MiB of small pages frees their page table, too: Linux 6.14. */
    public static boolean freesTables() {
        return FREES_TABLES;
    }

    static boolean isSince(String release, int major, int minor) {
        Matcher version = RELEASE.matcher(release);
        if (!version.lookingAt()) {
            return false;
        }
        int its = Integer.parseInt(version.group(1));
        return its > major || (its == major && Integer.parseInt(version.group(2)) >= minor);
    }

    /** The kernel's {@code UFFD_FEATURE_} bits. */
    public long features() {
        return features;
    }

    /** Whether {@link #move} works here (Linux 6.8). */
    public boolean canMove() {
        return (features & linux_h.UFFD_FEATURE_MOVE()) != 0;
    }

    /** Registers a mapping or a part of one for missing pages. */
    public void register(long hva, long length) {
        MemorySegment argument = range(hva, length);
        uffdio_register.mode(argument, linux_h.UFFDIO_REGISTER_MODE_MISSING());
        check(UserfaultIoctl.UFFDIO_REGISTER, argument, "UFFDIO_REGISTER", hva, length);
    }

    /** Ends registration and wakes all who wait: a missing page is then zeros for whoever touches it. */
    public void unregister(long hva, long length) {
        check(UserfaultIoctl.UFFDIO_UNREGISTER, range(hva, length), "UFFDIO_UNREGISTER", hva, length);
    }

    /** Lets those who wait for a page in the range try again. */
    public void wake(long hva, long length) {
        check(UserfaultIoctl.UFFDIO_WAKE, range(hva, length), "UFFDIO_WAKE", hva, length);
    }

    /**
     * Moves private anonymous pages, without a copy, to where there are none; what was at {@code from} is missing then.
     * {@code to} is registered here, {@code from} may be. Whole aligned large pages stay large if there is nothing at
     * {@code to}, not even a table of small pages. Holes at {@code from} stay holes.
     */
    public long move(long to, long from, long length) {
        MemorySegment argument = ARGUMENT.get();
        uffdio_move.dst(argument, to);
        uffdio_move.src(argument, from);
        uffdio_move.len(argument, length);
        uffdio_move.mode(argument, linux_h.UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES());
        uffdio_move.move(argument, 0);
        int result = Ioctl.ioctl(fd(), UserfaultIoctl.UFFDIO_MOVE, argument);
        return done(result, uffdio_move.move(argument), length);
    }

    /** Copies bytes to where there are no pages. */
    public long copy(long to, long from, long length) {
        MemorySegment argument = ARGUMENT.get();
        uffdio_copy.dst(argument, to);
        uffdio_copy.src(argument, from);
        uffdio_copy.len(argument, length);
        uffdio_copy.mode(argument, 0);
        uffdio_copy.copy(argument, 0);
        int result = Ioctl.ioctl(fd(), UserfaultIoctl.UFFDIO_COPY, argument);
        return done(result, uffdio_copy.copy(argument), length);
    }

    /** Puts pages of zeros where there are no pages. */
    public long zero(long to, long length) {
        MemorySegment argument = range(to, length);
        uffdio_zeropage.mode(argument, 0);
        uffdio_zeropage.zeropage(argument, 0);
        int result = Ioctl.ioctl(fd(), UserfaultIoctl.UFFDIO_ZEROPAGE, argument);
        return done(result, uffdio_zeropage.zeropage(argument), length);
    }

    /**
     * Takes waiting messages.
     *
     * @param messages room for some messages of {@link #MESSAGE} bytes each
     * @return how many there are; 0 when none wait
     */
    public int read(MemorySegment messages) {
        long bytes = FileCalls.read(fd(), messages);
        if (bytes == -Errno.EAGAIN || bytes == -Errno.EINTR) {
            return 0;
        }
        return (int) (SystemCallException.check(bytes, "read of a userfaultfd") / MESSAGE);
    }

    /** Whether message {@code index} is a fault; other events are not asked for and may be left alone. */
    public static boolean isFault(MemorySegment messages, int index) {
        return Byte.toUnsignedInt(uffd_msg.event(messages.asSlice(index * MESSAGE))) == linux_h.UFFD_EVENT_PAGEFAULT();
    }

    /** The address that was touched, cut down to its page. */
    public static long faultAddress(MemorySegment messages, int index) {
        return messages.get(JAVA_LONG, index * MESSAGE + ADDRESS) & -PageSize.SMALL;
    }

    /**
     * The kernel's number of the thread that touched it. KVM may have one of the kernel's own touch a page for a vCPU whose
     * guest can take interrupts.
     */
    public static int faultThread(MemorySegment messages, int index) {
        return messages.get(JAVA_INT, index * MESSAGE + THREAD);
    }

    /** Whether the touch was a write. KVM asks for writing on some reads too. */
    public static boolean isWrite(MemorySegment messages, int index) {
        return (messages.get(JAVA_LONG, index * MESSAGE + FLAGS) & linux_h.UFFD_PAGEFAULT_FLAG_WRITE()) != 0;
    }

    /** Waits for a message: whether there is one; false also when a signal came. -1 milliseconds is for ever. */
    public boolean await(int timeoutMillis) {
        int ready = EventCalls.poll(fd(), EventCalls.POLLIN, timeoutMillis);
        return ready != -Errno.EINTR && SystemCallException.check(ready, "poll of a userfaultfd") != 0;
    }

    /** The descriptor, to wait for it together with others. */
    public int fd() {
        int now = fd;
        if (now == CLOSED) {
            throw new IllegalStateException("the userfaultfd is closed");
        }
        return now;
    }

    /** Closes it; no effect the second time. */
    @Override
    public synchronized void close() {
        if (fd != CLOSED) {
            int last = fd;
            fd = CLOSED;
            FileCalls.close(last);
        }
    }

    private static MemorySegment range(long hva, long length) {
        MemorySegment argument = ARGUMENT.get();
        uffdio_range.start(argument, hva);
        uffdio_range.len(argument, length);
        return argument;
    }

    private void check(long request, MemorySegment argument, String operation, long hva, long length) {
        SystemCallException.check(Ioctl.ioctl(fd(), request, argument), operation, "address", hva, "bytes", length);
    }

    private static long done(int result, long done, long length) {
        if (result >= 0) {
            return length;
        }
        return done > 0 ? done : result;
    }
}
