package dev.godwit.agent.transport;

import dev.godwit.agent.transport.TransportException.Kind;
import dev.godwit.bindings.linux.Errno;
import dev.godwit.bindings.linux.ErrnoCapture;
import dev.godwit.bindings.linux.EventCalls;
import dev.godwit.bindings.linux.FileCalls;
import dev.godwit.bindings.linux.GatherMessage;
import dev.godwit.bindings.linux.SocketAddresses;
import dev.godwit.bindings.linux.SocketCalls;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A TCP connection. Sends and receives whole ranges of memory, blocking, and gives up when the peer moves no byte for
 * the stall time.
 *
 * <p>Threading: one thread sends and one receives at a time; {@link #abort} from any thread makes both return with an
 * error. {@link #close} when neither uses it any more.
 */
public final class Connection implements ByteSink, ByteSource, AutoCloseable {
    private final int fd;
    private final String peer;
    private boolean patient;
    private boolean closed;
    private final AtomicLong received = new AtomicLong();

    private Connection(int fd, String peer) {
        this.fd = fd;
        this.peer = peer;
        SocketCalls.setsockopt(fd, SocketCalls.IPPROTO_TCP, SocketCalls.TCP_NODELAY, 1);
    }

    /** Takes over an accepted descriptor. */
    static Connection accepted(int fd) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment address = SocketAddresses.allocateAny(arena);
            String peer = SocketCalls.getpeername(fd, address) < 0 ? "a peer that has gone" : text(address);
            return new Connection(fd, peer);
        }
    }

    private static String text(MemorySegment address) {
        InetSocketAddress java = SocketAddresses.toJava(address);
        return java.getAddress().getHostAddress() + ":" + java.getPort();
    }

    /**
     * Connects.
     *
     * @param timeout how long to wait for an answer
     * @throws TransportException of kind REFUSED or UNREACHABLE
     */
    public static Connection connect(InetSocketAddress address, Duration timeout) throws TransportException {
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
        int error = connect(fd, address, timeout);
        if (error == 0) {
            error = -setBlocking(fd);
        }
        if (error == 0) {
            return new Connection(fd, name);
        }
        FileCalls.close(fd);
        if (error == Errno.ECONNREFUSED) {
            throw new TransportException(Kind.REFUSED, name + ": connection refused, no agent listens there");
        }
        throw new TransportException(
                Kind.UNREACHABLE,
                name
                        + (error == Errno.ETIMEDOUT
                                ? ": no answer within " + timeout.toMillis() + " ms"
                                : ": " + Errno.description(error)));
    }

    /** 0, or the error number. */
    private static int connect(int fd, InetSocketAddress address, Duration timeout) {
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
                int ready = EventCalls.poll(fd, EventCalls.POLLOUT, (int) left);
                if (ready == 0) {
                    return Errno.ETIMEDOUT;
                }
                if (ready > 0) {
                    return (int) SocketCalls.getsockopt(fd, SocketCalls.SOL_SOCKET, SocketCalls.SO_ERROR);
                }
                if (ready != -Errno.EINTR) {
                    return -ready;
                }
            }
        }
    }

    private static int setBlocking(int fd) {
        int flags = FileCalls.fcntl(fd, FileCalls.F_GETFL, 0);
        return flags < 0 ? flags : FileCalls.fcntl(fd, FileCalls.F_SETFL, flags & ~FileCalls.O_NONBLOCK);
    }

    /** Who is at the other end, {@code host:port}. */
    @Override
    public String peer() {
        return peer;
    }

    /**
     * Lets the peer be silent for as long as it likes, from now on.
     *
     * @param look what has come is counted in {@link #received} at least this often, even in the middle of a range
     */
    public void setPatient(Duration look) {
        setStall(Duration.ZERO);
        patient = true;
        SocketCalls.setsockoptMicros(fd, SocketCalls.SOL_SOCKET, SocketCalls.SO_RCVTIMEO, look.toNanos() / 1000);
    }

    /** What becomes readable when bytes have come; for waiting only. */
    public int descriptor() {
        return fd;
    }

    /** Bytes received so far; from any thread. */
    public long received() {
        return received.get();
    }

    /** How long the peer may move no byte, from now on; 0 for ever. */
    public void setStall(Duration stall) {
        long micros = stall.toNanos() / 1000;
        SocketCalls.setsockoptMicros(fd, SocketCalls.SOL_SOCKET, SocketCalls.SO_RCVTIMEO, micros);
        SocketCalls.setsockoptMicros(fd, SocketCalls.SOL_SOCKET, SocketCalls.SO_SNDTIMEO, micros);
        // What was sent but is never acknowledged is a stall too, although nobody blocks on it.
        SocketCalls.setsockopt(
                fd, SocketCalls.IPPROTO_TCP, SocketCalls.TCP_USER_TIMEOUT, (int) Math.min(stall.toMillis(), 1 << 30));
    }

    @Override
    public void send(MemorySegment bytes) throws TransportException {
        MemorySegment errno = ErrnoCapture.ofThread();
        for (long at = 0, size = bytes.byteSize(); at < size; ) {
            at += moved(SocketCalls.send(errno, fd, bytes.address() + at, size - at, 0), true);
        }
    }

    @Override
    public void send(GatherMessage message) throws TransportException {
        MemorySegment errno = ErrnoCapture.ofThread();
        while (message.count() > 0) {
            message.advance(moved(SocketCalls.sendmsg(errno, fd, message.address(), 0), true));
        }
    }

    @Override
    public void receive(MemorySegment bytes) throws TransportException {
        MemorySegment errno = ErrnoCapture.ofThread();
        for (long at = 0, size = bytes.byteSize(); at < size; ) {
            at += moved(SocketCalls.recv(errno, fd, bytes.address() + at, size - at, SocketCalls.MSG_WAITALL), false);
        }
    }

    @Override
    public void receive(GatherMessage message) throws TransportException {
        MemorySegment errno = ErrnoCapture.ofThread();
        while (message.count() > 0) {
            message.advance(moved(SocketCalls.recvmsg(errno, fd, message.address(), SocketCalls.MSG_WAITALL), false));
        }
    }

    private long moved(long result, boolean sending) throws TransportException {
        if (result > 0) {
            if (!sending) {
                received.getAndAdd(result);
            }
            return result;
        }
        if (result == -Errno.EINTR || (result == -Errno.EAGAIN && patient)) {
            return 0;
        }
        // Timed out: nothing of what was sent has been acknowledged, or taken, for the stall time.
        if (result == -Errno.EAGAIN || result == -Errno.ETIMEDOUT) {
            throw new TransportException(Kind.STALLED, peer + (sending ? " takes nothing" : " sends nothing"));
        }
        if (result == 0 || result == -Errno.ECONNRESET || result == -Errno.EPIPE) {
            throw new TransportException(Kind.CLOSED, peer + " closed the connection");
        }
        throw new TransportException(Kind.BROKEN, "connection to " + peer + ": " + Errno.description((int) -result));
    }

    /** Breaks the connection: whoever is sending or receiving returns with an error. */
    public void abort() {
        shutdown(SocketCalls.SHUT_RDWR);
    }

    /** Whoever is receiving returns with an error when it has read what is here already; sending goes on. */
    public void stopReceiving() {
        shutdown(SocketCalls.SHUT_RD);
    }

    private synchronized void shutdown(int how) {
        // Under the lock of close: the number of a closed descriptor may be somebody else's by now.
        if (!closed) {
            SocketCalls.shutdown(fd, how);
        }
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            FileCalls.close(fd);
        }
    }
}
