package dev.godwit.agent.transport;

import dev.godwit.agent.transport.TransportException.Kind;
import dev.godwit.bindings.linux.Errno;
import dev.godwit.bindings.linux.EventCalls;
import dev.godwit.bindings.linux.FileCalls;
import dev.godwit.bindings.linux.SocketAddresses;
import dev.godwit.bindings.linux.SocketCalls;
import java.lang.foreign.Arena;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.function.BooleanSupplier;

/** Opens TCP sockets to peers, with a limit on how long that takes. */
final class TcpConnect {
    /** How often it looks whether it is given up. */
    private static final long LOOK_MILLIS = 50;

    private TcpConnect() {}

    /**
     * A blocking, connected socket.
     *
     * @param givenUp asked some times a second while the peer does not answer
     * @throws TransportException of kind REFUSED or UNREACHABLE, the latter also when it was given up
     */
    static int open(InetSocketAddress address, Duration timeout, BooleanSupplier givenUp) throws TransportException {
        String name = address.getHostString() + ":" + address.getPort();
        if (address.isUnresolved()) {
            throw new TransportException(Kind.UNREACHABLE, name + ": unknown host");
        }
        int fd = SocketCalls.socket(
                SocketAddresses.family(address),
                SocketCalls.SOCK_STREAM | SocketCalls.SOCK_CLOEXEC | SocketCalls.SOCK_NONBLOCK,
                0);
        if (fd < 0) {
            throw new TransportException(Kind.BROKEN, "no socket: " + Errno.description(-fd));
        }
        int error = connect(fd, address, timeout, givenUp);
        if (error == 0) {
            error = -setBlocking(fd);
        }
        if (error == 0) {
            return fd;
        }
        FileCalls.close(fd);
        if (error == Errno.ECONNREFUSED) {
            throw new TransportException(Kind.REFUSED, name + ": connection refused, nobody listens there");
        }
        throw new TransportException(
                Kind.UNREACHABLE,
                name
                        + (error == Errno.ETIMEDOUT
                                ? ": no answer within " + timeout.toMillis() + " ms"
                                : ": " + Errno.description(error)));
    }

    /** 0, or the error number. */
    private static int connect(int fd, InetSocketAddress address, Duration timeout, BooleanSupplier givenUp) {
        try (Arena arena = Arena.ofConfined()) {
            int result = SocketCalls.connect(fd, SocketAddresses.toNative(address, arena));
            if (result == 0) {
                return 0;
            }
            if (result != -Errno.EINPROGRESS) {
                return -result;
            }
            long deadline = System.nanoTime() + timeout.toNanos();
            while (true) {
                long left = Math.max(0, (deadline - System.nanoTime()) / 1_000_000);
                int ready = EventCalls.poll(fd, EventCalls.POLLOUT, (int) Math.min(left, LOOK_MILLIS));
                if (ready > 0) {
                    return (int) SocketCalls.getsockopt(fd, SocketCalls.SOL_SOCKET, SocketCalls.SO_ERROR);
                }
                if (ready < 0 && ready != -Errno.EINTR) {
                    return -ready;
                }
                if (left == 0) {
                    return Errno.ETIMEDOUT;
                }
                if (givenUp.getAsBoolean()) {
                    return Errno.ECANCELED;
                }
            }
        }
    }

    private static int setBlocking(int fd) {
        int flags = FileCalls.fcntl(fd, FileCalls.F_GETFL, 0);
        return flags < 0 ? flags : FileCalls.fcntl(fd, FileCalls.F_SETFL, flags & ~FileCalls.O_NONBLOCK);
    }
}
