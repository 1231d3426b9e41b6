package dev.godwit.bindings.linux;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import dev.godwit.bindings.linux.gen.epoll_event;
import dev.godwit.bindings.linux.gen.pollfd;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * Event counters, and waiting for many descriptors.
 *
 * <p>Threading: any thread, several at once too. Times are milliseconds.
 *
 * <p>Errors: {@code -errno}, never an exception. EINTR is a result: the caller decides whether to wait on.
 *
 * <p>Safety: forms that take an address trust it and the count, and keep no memory reachable.
 *
 * <p>Source: {@code eventfd(2)}, {@code poll(2)}, {@code epoll(7)}.
 */
public final class EventCalls {
    public static final int EFD_SEMAPHORE = 1;
    public static final int EFD_NONBLOCK = 0x800;
    public static final int EFD_CLOEXEC = 0x80000;

    public static final int POLLIN = 1;
    public static final int POLLPRI = 2;
    public static final int POLLOUT = 4;
    public static final int POLLERR = 8;
    public static final int POLLHUP = 0x10;
    public static final int POLLNVAL = 0x20;
    public static final int POLLRDHUP = 0x2000;

    public static final int EPOLL_CTL_ADD = 1;
    public static final int EPOLL_CTL_DEL = 2;
    public static final int EPOLL_CTL_MOD = 3;
    public static final int EPOLLIN = 1;
    public static final int EPOLLOUT = 4;
    public static final int EPOLLERR = 8;
    public static final int EPOLLHUP = 0x10;
    public static final int EPOLLRDHUP = 0x2000;
    public static final int EPOLLET = -2147483648;
    public static final int EPOLLONESHOT = 0x40000000;
    public static final int EPOLL_CLOEXEC = 0x80000;

    // the structure is packed: 12 bytes on x86-64, so its members are not aligned
    private static final long EPOLL_EVENT_SIZE = epoll_event.layout().byteSize();

    private static final MethodHandle EVENTFD =
            Native.call("eventfd", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT));
    private static final MethodHandle POLL =
            Native.call("poll", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT));
    private static final MethodHandle EPOLL_CREATE1 =
            Native.call("epoll_create1", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
    private static final MethodHandle EPOLL_CTL =
            Native.call("epoll_ctl", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS));
    private static final MethodHandle EPOLL_WAIT =
            Native.call("epoll_wait", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_INT));
    private static final ThreadLocal<MemorySegment> COUNTER =
            ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(JAVA_LONG));

    private EventCalls() {}

    /** A new event counter: a descriptor or {@code -errno}. */
    public static int eventfd(int initial, int flags) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try {
            return ErrnoCapture.result((int) EVENTFD.invokeExact(capture, initial, flags), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** Adds {@code count} (1 or more) to an event counter: 0 or {@code -errno}. */
    public static int add(int eventfd, long count) {
        MemorySegment counter = COUNTER.get();
        counter.set(JAVA_LONG, 0, count);
        return (int) Math.min(0, FileCalls.write(eventfd, counter));
    }

    /** Takes an event counter's value, waiting while it is 0; -EAGAIN if it is non-blocking and 0. */
    public static long take(int eventfd) {
        MemorySegment counter = COUNTER.get();
        long result = FileCalls.read(eventfd, counter);
        return result < 0 ? result : counter.get(JAVA_LONG, 0);
    }

    /**
     * Waits until a descriptor is ready.
     *
     * @param descriptors address of {@code count} {@code struct pollfd}
     * @param timeoutMillis -1 waits for ever, 0 does not wait
     * @return how many are ready, 0 after the time, or {@code -errno}
     */
    public static int poll(MemorySegment capture, long descriptors, long count, int timeoutMillis) {
        try {
            return ErrnoCapture.result((int) POLL.invokeExact(capture, descriptors, count, timeoutMillis), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** Waits until {@code fd} is ready for one of {@code events}: its {@code POLL} bits, 0 after the time, or {@code -errno}. */
    public static int poll(int fd, int events, int timeoutMillis) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment descriptor = arena.allocate(pollfd.layout());
            pollfd.fd(descriptor, fd);
            pollfd.events(descriptor, (short) events);
            int ready = poll(ErrnoCapture.ofThread(), descriptor.address(), 1, timeoutMillis);
            return ready <= 0 ? ready : Short.toUnsignedInt(pollfd.revents(descriptor));
        }
    }

    /** A new epoll set: a descriptor or {@code -errno}. */
    public static int epollCreate1(int flags) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try {
            return ErrnoCapture.result((int) EPOLL_CREATE1.invokeExact(capture, flags), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** Adds, changes or removes ({@code EPOLL_CTL_}) {@code fd}; {@code data} comes back with its events. */
    public static int epollCtl(int epoll, int operation, int fd, int events, long data) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment event = arena.allocate(epoll_event.layout());
            epoll_event.events(event, events);
            event.set(JAVA_LONG_UNALIGNED, epoll_event.data$offset(), data);
            return ErrnoCapture.result((int) EPOLL_CTL.invokeExact(capture, epoll, operation, fd, event), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /**
     * Waits for events.
     *
     * @param events address of {@code maxEvents} {@code struct epoll_event}
     * @return how many were stored, 0 after the time, or {@code -errno}
     */
    public static int epollWait(MemorySegment capture, int epoll, long events, int maxEvents, int timeoutMillis) {
        try {
            return ErrnoCapture.result(
                    (int) EPOLL_WAIT.invokeExact(capture, epoll, events, maxEvents, timeoutMillis), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** The {@code EPOLL} bits of the event at {@code index} of an array that {@link #epollWait} has filled. */
    public static int epollEvents(MemorySegment events, int index) {
        return events.get(JAVA_INT_UNALIGNED, index * EPOLL_EVENT_SIZE + epoll_event.events$offset());
    }

    /** The data that {@link #epollCtl} was given for the event at {@code index}. */
    public static long epollData(MemorySegment events, int index) {
        return events.get(JAVA_LONG_UNALIGNED, index * EPOLL_EVENT_SIZE + epoll_event.data$offset());
    }
}
