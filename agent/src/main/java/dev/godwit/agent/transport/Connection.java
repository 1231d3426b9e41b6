package dev.godwit.agent.transport;

import dev.godwit.agent.transport.TransportException.Kind;
import dev.godwit.bindings.linux.Errno;
import dev.godwit.bindings.linux.ErrnoCapture;
import dev.godwit.bindings.linux.FileCalls;
import dev.godwit.bindings.linux.GatherMessage;
import dev.godwit.bindings.linux.SocketAddresses;
import dev.godwit.bindings.linux.SocketCalls;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;

/**
 * A TCP connection. Sends and receives whole ranges of memory, blocking, and gives up when the peer moves no byte for
 * the stall time. The handshake puts TLS beneath the same methods where the peer is not on the loopback.
 *
 * <p>Threading: one thread sends and one receives at a time; {@link #abort} from any thread makes both return with an
 * error. {@link #close} when neither uses it any more.
 */
public final class Connection implements ByteSink, ByteSource, AutoCloseable {
    private static final int KEEP_ALIVE_PROBES = 5;

    private final int fd;
    private final String host;
    private final int port;
    private final String peer;
    private final boolean loopback;
    private TlsLayer tls;
    private Duration stall = Duration.ZERO;
    private boolean patient;
    private boolean closed;
    private final AtomicLong received = new AtomicLong();

    private Connection(int fd, String host, int port) {
        this.fd = fd;
        InetSocketAddress address = peerOf(fd);
        InetAddress ip = address == null ? null : address.getAddress();
        this.loopback = ip != null && ip.isLoopbackAddress();
        if (host != null) {
            this.host = host;
            this.port = port;
        } else {
            this.host = ip == null ? "a peer that has gone" : ip.getHostAddress();
            this.port = address == null ? 0 : address.getPort();
        }
        this.peer = this.host + (this.port == 0 ? "" : ":" + this.port);
        SocketCalls.setsockopt(fd, SocketCalls.IPPROTO_TCP, SocketCalls.TCP_NODELAY, 1);
        if (loopback) {
            LoopbackTcp.tune(fd);
        }
    }

    /** Takes over an accepted descriptor. */
    static Connection accepted(int fd) {
        return new Connection(fd, null, 0);
    }

    /**
     * Connects.
     *
     * @param timeout how long to wait for an answer
     * @throws TransportException of kind REFUSED or UNREACHABLE
     */
    public static Connection connect(InetSocketAddress address, Duration timeout) throws TransportException {
        return connect(address, timeout, () -> false);
    }

    /**
     * As {@link #connect(InetSocketAddress, Duration)}.
     *
     * @param givenUp asked some times a second while the peer does not answer: whether nobody wants the connection any
     *     more
     */
    public static Connection connect(InetSocketAddress address, Duration timeout, BooleanSupplier givenUp)
            throws TransportException {
        int fd = TcpConnect.open(address, timeout, givenUp);
        return new Connection(fd, address.getHostString(), address.getPort());
    }

    /** The peer's address as the kernel knows it, or null of one that has gone. */
    private static InetSocketAddress peerOf(int fd) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment address = SocketAddresses.allocateAny(arena);
            return SocketCalls.getpeername(fd, address) < 0 ? null : SocketAddresses.toJava(address);
        }
    }

    /** Who is at the other end, {@code host:port}. */
    @Override
    public String peer() {
        return peer;
    }

    /** Whether the peer is on this host's loopback, as the kernel says, whatever name it was reached by. */
    boolean isLoopback() {
        return loopback;
    }

    /** The host that was asked for, or the address that called. */
    String host() {
        return host;
    }

    int port() {
        return port;
    }

    /**
     * Encrypts what is sent and received from now on; the handshake is over when this returns.
     *
     * @param client whether this side connected
     * @return a secret that only the two ends of this connection have
     * @throws TransportException of kind UNAUTHENTICATED when either certificate does not do
     */
    Secret startTls(TlsIdentity identity, boolean client) throws TransportException {
        TlsLayer layer = new TlsLayer(this, identity.engine(client, host, port));
        layer.handshake();
        tls = layer;
        return layer.exportedSecret();
    }

    /**
     * Lets the peer be silent, and take nothing, for as long as it likes, from now on.
     *
     * @param look what has come is counted in {@link #received} at least this often, even in the middle of a range
     */
    public void setPatient(Duration look) {
        setStall(Duration.ZERO);
        patient = true;
        SocketCalls.setsockoptMicros(fd, SocketCalls.SOL_SOCKET, SocketCalls.SO_RCVTIMEO, look.toNanos() / 1000);
    }

    /**
     * Whether bytes have come that {@link #descriptor} does not tell of any more; asked by the thread that receives.
     */
    public boolean hasBuffered() {
        return tls != null && tls.hasBuffered();
    }

    /** What becomes readable when bytes have come; for waiting only. */
    public int descriptor() {
        return fd;
    }

    /** Bytes received so far; from any thread. */
    public long received() {
        return received.get();
    }

    /** Bytes that have been sent and that the peer's host has not acknowledged; 0 when it is closed. From any thread. */
    public synchronized long bytesUnderWay() {
        return closed ? 0 : Math.max(0, SocketCalls.unacknowledged(fd));
    }

    /** How long the peer may move no byte, from now on; 0 for ever. */
    public void setStall(Duration stall) {
        this.stall = stall;
        long micros = stall.toNanos() / 1000;
        SocketCalls.setsockoptMicros(fd, SocketCalls.SOL_SOCKET, SocketCalls.SO_RCVTIMEO, micros);
        setSendStall(stall);
    }

    /** How long the peer may take no byte, from now on, even if it may be {@link #setPatient silent}; 0 for ever. */
    public void setSendStall(Duration stall) {
        SocketCalls.setsockoptMicros(fd, SocketCalls.SOL_SOCKET, SocketCalls.SO_SNDTIMEO, stall.toNanos() / 1000);
        // What was sent but is never acknowledged is a stall too, although nobody blocks on it.
        SocketCalls.setsockopt(
                fd, SocketCalls.IPPROTO_TCP, SocketCalls.TCP_USER_TIMEOUT, (int) Math.min(stall.toMillis(), 1 << 30));
    }

    /**
     * Breaks the connection when the peer's host is gone, however long the peer itself may be silent: the kernel asks
     * it.
     *
     * @param silence of the peer before it is asked, in whole seconds; it is asked five times at a fifth of that
     */
    public void setKeepAlive(Duration silence) {
        int seconds = Math.toIntExact(Math.max(1, silence.toSeconds()));
        SocketCalls.setsockopt(fd, SocketCalls.IPPROTO_TCP, SocketCalls.TCP_KEEPIDLE, seconds);
        SocketCalls.setsockopt(
                fd, SocketCalls.IPPROTO_TCP, SocketCalls.TCP_KEEPINTVL, Math.max(1, seconds / KEEP_ALIVE_PROBES));
        SocketCalls.setsockopt(fd, SocketCalls.IPPROTO_TCP, SocketCalls.TCP_KEEPCNT, KEEP_ALIVE_PROBES);
        SocketCalls.setsockopt(fd, SocketCalls.SOL_SOCKET, SocketCalls.SO_KEEPALIVE, 1);
    }

    /** How long the peer may send no byte, at most the stall time; null for the stall time itself. */
    void limitSilence(Duration limit) {
        boolean shorter = limit != null && (stall.isZero() || limit.compareTo(stall) < 0);
        long micros = Math.max(shorter ? 1 : 0, (shorter ? limit : stall).toNanos() / 1000);
        SocketCalls.setsockoptMicros(fd, SocketCalls.SOL_SOCKET, SocketCalls.SO_RCVTIMEO, micros);
    }

    @Override
    public void send(MemorySegment bytes) throws TransportException {
        if (tls == null) {
            sendWire(bytes.address(), bytes.byteSize());
        } else {
            tls.send(bytes);
        }
    }

    /** Sends bytes as they are on the wire. */
    void sendWire(long address, long size) throws TransportException {
        MemorySegment errno = ErrnoCapture.ofThread();
        for (long at = 0; at < size; ) {
            at += moved(SocketCalls.send(errno, fd, address + at, size - at, 0), true);
        }
    }

    @Override
    public void send(GatherMessage message) throws TransportException {
        if (tls != null) {
            tls.send(message);
            return;
        }
        MemorySegment errno = ErrnoCapture.ofThread();
        while (message.count() > 0) {
            message.advance(moved(SocketCalls.sendmsg(errno, fd, message.address(), 0), true));
        }
    }

    @Override
    public void receive(MemorySegment bytes) throws TransportException {
        if (tls != null) {
            tls.receive(bytes);
            return;
        }
        MemorySegment errno = ErrnoCapture.ofThread();
        for (long at = 0, size = bytes.byteSize(); at < size; ) {
            at += moved(SocketCalls.recv(errno, fd, bytes.address() + at, size - at, SocketCalls.MSG_WAITALL), false);
        }
    }

    /** Receives what has come on the wire, at least a byte and at most {@code size}. */
    long receiveWire(long address, long size) throws TransportException {
        MemorySegment errno = ErrnoCapture.ofThread();
        long result = 0;
        while (result == 0) {
            result = moved(SocketCalls.recv(errno, fd, address, size, 0), false);
        }
        return result;
    }

    @Override
    public void receive(GatherMessage message) throws TransportException {
        if (tls != null) {
            tls.receive(message);
            return;
        }
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
        if (result == -Errno.EINTR || (result == -Errno.EAGAIN && patient && !sending)) {
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
