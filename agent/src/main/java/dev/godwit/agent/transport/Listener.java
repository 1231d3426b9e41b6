package dev.godwit.agent.transport;

import dev.godwit.agent.transport.TransportException.Kind;
import dev.godwit.bindings.linux.Errno;
import dev.godwit.bindings.linux.FileCalls;
import dev.godwit.bindings.linux.SocketAddresses;
import dev.godwit.bindings.linux.SocketCalls;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.InetSocketAddress;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;

/**
 * A listening TCP socket.
 *
 * <p>Threading: one thread accepts; {@link #stop} from any thread makes it return; then {@link #close}.
 */
public final class Listener implements AutoCloseable {
    private static final int BACKLOG = 128;
    private static final long SHORTAGE_PAUSE_NANOS = 50_000_000;

    private final int fd;
    private final InetSocketAddress address;
    private final AtomicBoolean stopped = new AtomicBoolean();
    private final AtomicBoolean closed = new AtomicBoolean();

    private Listener(int fd, InetSocketAddress address) {
        this.fd = fd;
        this.address = address;
    }

    /**
     * Listens; port 0 takes a free one.
     *
     * @throws TransportException when the address is in use or not this host's
     */
    public static Listener open(InetSocketAddress address) throws TransportException {
        String name = address.getHostString() + ":" + address.getPort();
        if (address.isUnresolved()) {
            throw new TransportException(Kind.UNREACHABLE, "cannot listen on " + name + ": unknown host");
        }
        int fd = SocketCalls.socket(
                SocketAddresses.family(address), SocketCalls.SOCK_STREAM | SocketCalls.SOCK_CLOEXEC, 0);
        if (fd < 0) {
            throw new TransportException(Kind.BROKEN, "no socket: " + Errno.description(-fd));
        }
        try (Arena arena = Arena.ofConfined()) {
            SocketCalls.setsockopt(fd, SocketCalls.SOL_SOCKET, SocketCalls.SO_REUSEADDR, 1);
            int result = SocketCalls.bind(fd, SocketAddresses.toNative(address, arena));
            if (result == 0) {
                result = SocketCalls.listen(fd, BACKLOG);
            }
            MemorySegment own = SocketAddresses.allocateAny(arena);
            if (result == 0) {
                result = SocketCalls.getsockname(fd, own);
            }
            if (result < 0) {
                FileCalls.close(fd);
                throw new TransportException(
                        Kind.BROKEN,
                        "cannot listen on " + name + ": "
                                + (result == -Errno.EADDRINUSE ? "the port is in use" : Errno.description(-result)));
            }
            return new Listener(fd, SocketAddresses.toJava(own));
        }
    }

    /** Where it listens, with the real port. */
    public InetSocketAddress address() {
        return address;
    }

    /**
     * The next connection, or null after {@link #stop}. When the host is short of descriptors or memory the connection
     * waits in the kernel's queue until it is not.
     */
    public Connection accept() throws TransportException {
        while (!stopped.get()) {
            int accepted = SocketCalls.accept4(fd, SocketCalls.SOCK_CLOEXEC);
            if (accepted >= 0) {
                return Connection.accepted(accepted);
            }
            if (accepted == -Errno.EBADF || accepted == -Errno.EINVAL || accepted == -Errno.ENOTSOCK) {
                if (stopped.get()) {
                    return null;
                }
                throw new TransportException(Kind.BROKEN, "accept: " + Errno.description(-accepted));
            }
            // A signal, a peer that left before it was accepted, its network's trouble, a shortage: all of them pass.
            if (accepted != -Errno.EINTR && accepted != -Errno.ECONNABORTED) {
                LockSupport.parkNanos(SHORTAGE_PAUSE_NANOS);
            }
        }
        return null;
    }

    /** Makes {@link #accept} return null, now and from now on. */
    public void stop() {
        if (stopped.compareAndSet(false, true)) {
            SocketCalls.shutdown(fd, SocketCalls.SHUT_RDWR);
        }
    }

    @Override
    public void close() {
        stop();
        if (closed.compareAndSet(false, true)) {
            FileCalls.close(fd);
        }
    }
}
