package dev.godwit.bindings.linux;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.godwit.bindings.linux.gen.timeval;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.ref.Reference;

/**
 * Sockets, and the scattering and gathering calls on any descriptor.
 *
 * <p>Threading: any thread; one thread may send while another receives on the same socket.
 *
 * <p>Errors: {@code -errno}, never an exception. A short count, EINTR and EAGAIN are results. No call here raises
 * SIGPIPE except {@link #writev}, and the JVM ignores that signal.
 *
 * <p>Safety: forms that take an address trust it, and what the structures behind it point to, and keep no memory
 * reachable. Forms that take a segment use the whole segment; it must be native, and nobody closes its arena during
 * the call.
 *
 * <p>Source: {@code socket(2)}, {@code bind(2)}, {@code listen(2)}, {@code accept(2)}, {@code connect(2)},
 * {@code shutdown(2)}, {@code getsockopt(2)}, {@code readv(2)}, {@code recv(2)}, {@code send(2)}, {@code socket(7)}, {@code tcp(7)}.
 */
public final class SocketCalls {
    public static final int AF_UNIX = 1;
    public static final int AF_INET = 2;
    public static final int AF_INET6 = 0xa;

    public static final int SOCK_STREAM = 1;
    public static final int SOCK_DGRAM = 2;
    public static final int SOCK_NONBLOCK = 0x800;
    public static final int SOCK_CLOEXEC = 0x80000;

    public static final int SOL_SOCKET = 1;
    public static final int SO_REUSEADDR = 2;
    public static final int SO_ERROR = 4;
    public static final int SO_SNDBUF = 7;
    public static final int SO_RCVBUF = 8;
    public static final int SO_KEEPALIVE = 9;
    public static final int SO_RCVTIMEO = 0x14;
    public static final int SO_SNDTIMEO = 0x15;

    public static final int IPPROTO_TCP = 6;
    public static final int TCP_NODELAY = 1;
    public static final int TCP_KEEPIDLE = 4;
    public static final int TCP_KEEPINTVL = 5;
    public static final int TCP_KEEPCNT = 6;
    public static final int TCP_CONGESTION = 13;
    public static final int TCP_USER_TIMEOUT = 0x12;
    public static final int TCP_QUICKACK = 0xc;
    public static final int TCP_NOTSENT_LOWAT = 0x19;

    public static final int IPPROTO_IPV6 = 0x29;
    public static final int IPV6_V6ONLY = 0x1a;

    public static final int MSG_PEEK = 2;
    public static final int MSG_DONTWAIT = 0x40;
    public static final int MSG_WAITALL = 0x100;
    public static final int MSG_NOSIGNAL = 0x4000;
    public static final int MSG_MORE = 0x8000;

    public static final int SHUT_RD = 0;
    public static final int SHUT_WR = 1;
    public static final int SHUT_RDWR = 2;

    private static final MethodHandle SOCKET =
            Native.call("socket", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT));
    private static final MethodHandle BIND =
            Native.call("bind", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT));
    private static final MethodHandle LISTEN =
            Native.call("listen", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT));
    private static final MethodHandle ACCEPT4 =
            Native.call("accept4", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, ADDRESS, JAVA_INT));
    private static final MethodHandle CONNECT =
            Native.call("connect", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT));
    private static final MethodHandle SHUTDOWN =
            Native.call("shutdown", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT));
    private static final MethodHandle SETSOCKOPT =
            Native.call("setsockopt", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT));
    private static final MethodHandle GETSOCKOPT =
            Native.call("getsockopt", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, ADDRESS));
    private static final MethodHandle GETSOCKNAME =
            Native.call("getsockname", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, ADDRESS));
    private static final MethodHandle GETPEERNAME =
            Native.call("getpeername", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, ADDRESS));
    private static final MethodHandle READV =
            Native.call("readv", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT));
    private static final MethodHandle WRITEV =
            Native.call("writev", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT));
    private static final MethodHandle RECV =
            Native.call("recv", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT));
    private static final MethodHandle SEND =
            Native.call("send", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT));
    private static final MethodHandle RECVMSG =
            Native.call("recvmsg", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT));
    private static final MethodHandle SENDMSG =
            Native.call("sendmsg", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT));

    private SocketCalls() {}

    /** A new socket: a descriptor or {@code -errno}. */
    public static int socket(int domain, int type, int protocol) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try {
            return ErrnoCapture.result((int) SOCKET.invokeExact(capture, domain, type, protocol), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** Gives the socket the address, whose size is the segment's; see {@link SocketAddresses}. */
    public static int bind(int fd, MemorySegment address) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try {
            int length = (int) address.byteSize();
            return ErrnoCapture.result((int) BIND.invokeExact(capture, fd, address, length), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** Lets peers connect. */
    public static int listen(int fd, int backlog) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try {
            return ErrnoCapture.result((int) LISTEN.invokeExact(capture, fd, backlog), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /**
     * Waits for a peer, and accepts it.
     *
     * @param flags {@link #SOCK_CLOEXEC}, {@link #SOCK_NONBLOCK}
     * @return the connection's descriptor or {@code -errno}; ask {@link #getpeername} for the peer's address
     */
    public static int accept4(int fd, int flags) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try {
            int accepted = (int) ACCEPT4.invokeExact(capture, fd, MemorySegment.NULL, MemorySegment.NULL, flags);
            return ErrnoCapture.result(accepted, capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** Connects; -EINPROGRESS from a non-blocking socket means: poll for writing, then read SO_ERROR. */
    public static int connect(int fd, MemorySegment address) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try {
            int length = (int) address.byteSize();
            return ErrnoCapture.result((int) CONNECT.invokeExact(capture, fd, address, length), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** Ends one or both directions ({@code SHUT_}); wakes threads that block on the socket. */
    public static int shutdown(int fd, int how) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try {
            return ErrnoCapture.result((int) SHUTDOWN.invokeExact(capture, fd, how), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** Sets an option whose value is an {@code int}. */
    public static int setsockopt(int fd, int level, int option, int value) {
        try (Arena arena = Arena.ofConfined()) {
            return setsockopt(fd, level, option, arena.allocateFrom(JAVA_INT, value));
        }
    }

    /** Sets an option whose value is a {@code struct timeval}; 0 means no limit. */
    public static int setsockoptMicros(int fd, int level, int option, long micros) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment value = arena.allocate(timeval.layout());
            timeval.tv_sec(value, micros / 1_000_000);
            timeval.tv_usec(value, micros % 1_000_000);
            return setsockopt(fd, level, option, value);
        }
    }

    /** Sets an option to the segment's content. */
    public static int setsockopt(int fd, int level, int option, MemorySegment value) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try {
            int length = (int) value.byteSize();
            return ErrnoCapture.result(
                    (int) SETSOCKOPT.invokeExact(capture, fd, level, option, value, length), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** An option's {@code int} value as an unsigned number, or {@code -errno}. */
    public static long getsockopt(int fd, int level, int option) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment value = arena.allocate(JAVA_INT);
            MemorySegment length = arena.allocateFrom(JAVA_INT, (int) JAVA_INT.byteSize());
            int result = (int) GETSOCKOPT.invokeExact(capture, fd, level, option, value, length);
            return result == -1 ? -ErrnoCapture.errno(capture) : Integer.toUnsignedLong(value.get(JAVA_INT, 0));
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** How many bytes of a TCP connection have been sent and not been acknowledged, unsent ones included, or {@code -errno}. */
    public static int unacknowledged(int fd) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(JAVA_INT);
            int result = Ioctl.ioctl(fd, SocketIoctl.SIOCOUTQ, bytes);
            return result < 0 ? result : bytes.get(JAVA_INT, 0);
        }
    }

    /** The socket's own address, stored into {@code address}; 0 or {@code -errno}. */
    public static int getsockname(int fd, MemorySegment address) {
        return name(GETSOCKNAME, fd, address);
    }

    /** The peer's address, stored into {@code address}; 0 or {@code -errno}. */
    public static int getpeername(int fd, MemorySegment address) {
        return name(GETPEERNAME, fd, address);
    }

    private static int name(MethodHandle which, int fd, MemorySegment address) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment length = arena.allocateFrom(JAVA_INT, (int) address.byteSize());
            return ErrnoCapture.result((int) which.invokeExact(capture, fd, address, length), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /**
     * Reads into the memory of an {@code iovec} array, in order; 0 is the end.
     *
     * @param ranges address of {@code count} (at most 1024) structures
     */
    public static long readv(MemorySegment capture, int fd, long ranges, int count) {
        try {
            return ErrnoCapture.result((long) READV.invokeExact(capture, fd, ranges, count), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /**
     * Writes the memory of an {@code iovec} array, in order, or a part of them.
     *
     * @param ranges address of {@code count} (at most 1024) structures
     */
    public static long writev(MemorySegment capture, int fd, long ranges, int count) {
        try {
            return ErrnoCapture.result((long) WRITEV.invokeExact(capture, fd, ranges, count), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** Receives at most {@code length} bytes; 0 is the end; {@code flags} are {@code MSG_} bits. */
    public static long recv(MemorySegment capture, int fd, long address, long length, int flags) {
        try {
            return ErrnoCapture.result((long) RECV.invokeExact(capture, fd, address, length, flags), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** Receives into {@code buffer}; 0 is the end. */
    public static long recv(int fd, MemorySegment buffer, int flags) {
        try {
            return recv(ErrnoCapture.ofThread(), fd, Native.address(buffer), buffer.byteSize(), flags);
        } finally {
            Reference.reachabilityFence(buffer);
        }
    }

    /** Sends at most {@code length} bytes. {@link #MSG_NOSIGNAL} is always added: a peer that has gone is -EPIPE. */
    public static long send(MemorySegment capture, int fd, long address, long length, int flags) {
        try {
            return ErrnoCapture.result(
                    (long) SEND.invokeExact(capture, fd, address, length, flags | MSG_NOSIGNAL), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /** Sends {@code buffer}, or a part of it. */
    public static long send(int fd, MemorySegment buffer, int flags) {
        try {
            return send(ErrnoCapture.ofThread(), fd, Native.address(buffer), buffer.byteSize(), flags);
        } finally {
            Reference.reachabilityFence(buffer);
        }
    }

    /**
     * Sends the ranges of a message, or a part of them. {@link #MSG_NOSIGNAL} is always added.
     *
     * @param message address of a {@code struct msghdr}; see {@link GatherMessage}
     */
    public static long sendmsg(MemorySegment capture, int fd, long message, int flags) {
        try {
            return ErrnoCapture.result((long) SENDMSG.invokeExact(capture, fd, message, flags | MSG_NOSIGNAL), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }

    /**
     * Receives into the ranges of a message; 0 is the end.
     *
     * @param message address of a {@code struct msghdr}; see {@link GatherMessage}
     */
    public static long recvmsg(MemorySegment capture, int fd, long message, int flags) {
        try {
            return ErrnoCapture.result((long) RECVMSG.invokeExact(capture, fd, message, flags), capture);
        } catch (Throwable e) {
            throw Native.thrownBy(e);
        }
    }
}
