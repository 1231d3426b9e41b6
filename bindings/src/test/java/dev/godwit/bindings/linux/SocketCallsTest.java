package dev.godwit.bindings.linux;

import static dev.godwit.bindings.linux.SocketCalls.*;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Sockets on the loopback. */
@Timeout(60)
class SocketCallsTest {
    @ParameterizedTest
    @ValueSource(strings = {"127.0.0.1", "::1"})
    void gatheredBytesArriveScattered(String host) throws UnknownHostException {
        try (Arena arena = Arena.ofConfined()) {
            Pair pair = Pair.connect(host, arena);
            MemorySegment capture = ErrnoCapture.allocate(arena);
            MemorySegment text = arena.allocateFrom("bar-tailed godwit");
            GatherMessage out = new GatherMessage(arena, 2);
            out.add(text.address() + 11, 7);
            out.add(text.address(), 11);
            assertEquals(18, sendmsg(capture, pair.client, out.address(), 0));
            MemorySegment one = arena.allocate(7);
            MemorySegment two = arena.allocate(16);
            GatherMessage in = new GatherMessage(arena, 2);
            in.add(one.address(), 7);
            in.add(two.address(), 11);
            assertEquals(18, readv(capture, pair.server, in.rangesAddress(), in.count()));
            assertEquals("godwit", one.getString(0));
            assertEquals("bar-tailed ", two.getString(0));
            assertEquals(18, writev(capture, pair.server, out.rangesAddress(), out.count()));
            assertEquals(18, recvmsg(capture, pair.client, in.address(), MSG_WAITALL));
            pair.close();
        }
    }

    @Test
    void aPeerThatHasGoneIsAResult() throws UnknownHostException {
        try (Arena arena = Arena.ofConfined()) {
            Pair pair = Pair.connect("127.0.0.1", arena);
            MemorySegment bytes = arena.allocate(4096);
            assertEquals(0, shutdown(pair.client, SHUT_RDWR));
            assertEquals(-Errno.EPIPE, send(pair.client, bytes, 0));
            assertEquals(0, recv(pair.server, bytes, 0), "the end");
            pair.close();
        }
    }

    /** The peer reads nothing, and then all of it. */
    @Test
    void whatIsNotAcrossIsCounted() throws UnknownHostException {
        try (Arena arena = Arena.ofConfined()) {
            Pair pair = Pair.connect("127.0.0.1", arena);
            MemorySegment bytes = arena.allocate(64 << 10);
            assertEquals(0, unacknowledged(pair.client));
            long sent = 0;
            for (long more = 0; more != -Errno.EAGAIN; more = send(pair.client, bytes, MSG_DONTWAIT)) {
                sent += more;
            }
            int behind = unacknowledged(pair.client);
            assertTrue(behind > 0 && behind <= sent, behind + " of " + sent);
            while (sent > 0) {
                sent -= recv(pair.server, bytes, 0);
            }
            while (unacknowledged(pair.client) > 0) {
                Thread.onSpinWait();
            }
            pair.close();
            assertEquals(-Errno.EBADF, unacknowledged(pair.client));
        }
    }

    @Test
    void aTimeLimitEndsReceiving() throws UnknownHostException {
        try (Arena arena = Arena.ofConfined()) {
            Pair pair = Pair.connect("127.0.0.1", arena);
            assertEquals(0, setsockoptMicros(pair.client, SOL_SOCKET, SO_RCVTIMEO, 20_000));
            assertEquals(-Errno.EAGAIN, recv(pair.client, arena.allocate(1), 0));
            assertEquals(0, EventCalls.poll(pair.client, EventCalls.POLLIN, 0));
            assertEquals(EventCalls.POLLOUT, EventCalls.poll(pair.client, EventCalls.POLLOUT, 1000));
            pair.close();
        }
    }

    @Test
    void optionsAreKept() {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assertEquals(0, getsockopt(fd, IPPROTO_TCP, TCP_NODELAY));
        assertEquals(0, setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, 1));
        assertEquals(1, getsockopt(fd, IPPROTO_TCP, TCP_NODELAY));
        assertEquals(0, getsockopt(fd, SOL_SOCKET, SO_ERROR));
        assertEquals(-Errno.ENOTCONN, shutdown(fd, SHUT_RDWR));
        assertEquals(0, FileCalls.close(fd));
        assertEquals(-Errno.EBADF, getsockopt(fd, SOL_SOCKET, SO_ERROR));
    }

    @Test
    void connectingWhereNobodyListensIsRefused() throws UnknownHostException {
        try (Arena arena = Arena.ofConfined()) {
            int bound = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            MemorySegment address = Pair.bindToFreePort(bound, "127.0.0.1", arena);
            int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            assertEquals(-Errno.ECONNREFUSED, connect(client, address));
            assertEquals(0, FileCalls.close(client));
            assertEquals(0, FileCalls.close(bound));
        }
    }

    /** Two ends of a connection. */
    private record Pair(int client, int server) {
        static Pair connect(String host, Arena arena) throws UnknownHostException {
            int family = SocketAddresses.family(new InetSocketAddress(InetAddress.getByName(host), 0));
            int listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
            assertEquals(0, setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, 1));
            MemorySegment address = bindToFreePort(listener, host, arena);
            assertEquals(0, listen(listener, 1));
            int client = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
            assertEquals(0, SocketCalls.connect(client, address));
            int server = accept4(listener, SOCK_CLOEXEC);
            assertTrue(server >= 0, () -> Errno.name(-server));
            MemorySegment peer = SocketAddresses.allocateAny(arena);
            MemorySegment own = SocketAddresses.allocateAny(arena);
            assertEquals(0, getpeername(server, peer));
            assertEquals(0, getsockname(client, own));
            assertEquals(SocketAddresses.toJava(own), SocketAddresses.toJava(peer));
            assertEquals(0, FileCalls.close(listener));
            return new Pair(client, server);
        }

        static MemorySegment bindToFreePort(int fd, String host, Arena arena) throws UnknownHostException {
            InetSocketAddress any = new InetSocketAddress(InetAddress.getByName(host), 0);
            assertEquals(0, bind(fd, SocketAddresses.toNative(any, arena)));
            MemorySegment bound = SocketAddresses.allocateAny(arena);
            assertEquals(0, getsockname(fd, bound));
            return SocketAddresses.toNative(SocketAddresses.toJava(bound), arena);
        }

        void close() {
            assertEquals(0, FileCalls.close(client));
            assertEquals(0, FileCalls.close(server));
        }
    }
}
