package dev.godwit.agent.migration;

import dev.godwit.agent.transport.Handshake.Role;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicLong;

/** Stands between a source and its target, counts their bytes, and breaks one connection at a chosen byte. */
final class FaultProxy implements AutoCloseable {
    /** What happens to the connection when the byte is reached. */
    enum Action {
        /** Both sides see an orderly end. */
        CUT,
        /** Both sides see a reset. */
        RESET,
        /** Nothing goes either way any more, and nobody is told. */
        STALL,
        /** This direction ends in good order, the other goes on. */
        HALF_CLOSE,
        /** It goes on after a moment. */
        DELAY
    }

    /** One way of one connection: {@code up} is from the source to the target. */
    record Lane(Role role, int stream, boolean up) {
        @Override
        public String toString() {
            return role + (role == Role.DATA || role == Role.PAGES ? " " + stream : "") + (up ? " ▲" : " ▼");
        }
    }

    /** Action to be taken before byte {@code at} of a lane. */
    record Fault(Lane lane, long at, Action action) {}

    private static final int HELLO_BYTES = 64;

    private final ServerSocket server;
    private final InetSocketAddress target;
    private final Fault fault;
    private final ExecutorService threads = Executors.newCachedThreadPool(
            Thread.ofPlatform().daemon().name("proxy-", 0).factory());
    private final List<Socket> sockets = new CopyOnWriteArrayList<>();
    private final Map<Lane, AtomicLong> bytes = new ConcurrentHashMap<>();
    private final Map<Lane, OutputStream> copies = new ConcurrentHashMap<>();
    private volatile Socket stalled;
    private final CountDownLatch closed = new CountDownLatch(1);
    private final CountDownLatch fired = new CountDownLatch(1);

    /** A proxy to a target; {@code fault} may be null. */
    FaultProxy(InetSocketAddress target, Fault fault) throws IOException {
        this.target = target;
        this.fault = fault;
        this.server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        threads.execute(this::acceptAll);
    }

    InetSocketAddress address() {
        return new InetSocketAddress(server.getInetAddress(), server.getLocalPort());
    }

    /** Whether the fault came to pass. */
    boolean hasFired() {
        return fired.getCount() == 0;
    }

    /** Completes when the fault comes to pass. */
    CountDownLatch fired() {
        return fired;
    }

    /** Bytes that went through each lane so far. */
    Map<Lane, AtomicLong> bytes() {
        return bytes;
    }

    /** Writes a copy of what goes through a lane, before that goes on; said before the lane is connected. */
    void copy(Lane lane, OutputStream to) {
        copies.put(lane, to);
    }

    private void acceptAll() {
        try {
            while (true) {
                Socket source = server.accept();
                sockets.add(source);
                threads.execute(() -> join(source));
            }
        } catch (IOException e) {
            // Closed.
            closed.countDown();
        }
    }

    private void join(Socket source) {
        try {
            byte[] hello = source.getInputStream().readNBytes(HELLO_BYTES);
            if (hello.length < HELLO_BYTES) {
                source.close();
                return;
            }
            ByteBuffer fields = ByteBuffer.wrap(hello).order(ByteOrder.LITTLE_ENDIAN);
            Role role = role(fields.getShort(12));
            int stream = fields.getShort(14);
            Socket onward = new Socket();
            sockets.add(onward);
            onward.connect(target);
            source.setTcpNoDelay(true);
            onward.setTcpNoDelay(true);
            threads.execute(() -> pump(onward, source, new Lane(role, stream, false), new byte[0]));
            pump(source, onward, new Lane(role, stream, true), hello);
        } catch (IOException e) {
            closeQuietly(source);
        }
    }

    private static Role role(int number) {
        return switch (number) {
            case 1 -> Role.CONTROL;
            case 2 -> Role.DATA;
            case 3 -> Role.QUERY;
            default -> Role.PAGES;
        };
    }

    private void pump(Socket from, Socket to, Lane lane, byte[] first) {
        AtomicLong count = bytes.computeIfAbsent(lane, l -> new AtomicLong());
        OutputStream copy = copies.getOrDefault(lane, OutputStream.nullOutputStream());
        byte[] buffer = new byte[1 << 16];
        System.arraycopy(first, 0, buffer, 0, first.length);
        int have = first.length;
        try {
            InputStream in = from.getInputStream();
            while (have >= 0) {
                int passed = 0;
                if (fault != null && fault.lane.equals(lane) && !hasFired() && count.get() + have > fault.at) {
                    passed = (int) (fault.at - count.get());
                    to.getOutputStream().write(buffer, 0, passed);
                    fired.countDown();
                    if (!act(from, to)) {
                        return;
                    }
                }
                if (from.equals(stalled)) {
                    closed.await();
                }
                copy.write(buffer, 0, have);
                to.getOutputStream().write(buffer, passed, have - passed);
                count.addAndGet(have);
                have = in.read(buffer);
            }
            to.shutdownOutput();
        } catch (IOException e) {
            closeQuietly(from);
            closeQuietly(to);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Whether the connection goes on. */
    private boolean act(Socket from, Socket to) throws IOException, InterruptedException {
        switch (fault.action) {
            case CUT -> {
                from.close();
                to.close();
            }
            case RESET -> {
                from.setSoLinger(true, 0);
                to.setSoLinger(true, 0);
                from.close();
                to.close();
            }
            case STALL -> {
                // The other way stands still too; a connection made anew does not.
                stalled = to;
                closed.await();
            }
            case HALF_CLOSE -> to.shutdownOutput();
            case DELAY -> {
                closed.await(50, java.util.concurrent.TimeUnit.MILLISECONDS);
                return true;
            }
        }
        return false;
    }

    private static void closeQuietly(Socket socket) {
        try {
            socket.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() throws SocketException {
        closeServer();
        closed.countDown();
        sockets.forEach(FaultProxy::closeQuietly);
        threads.shutdownNow();
        threads.close();
        sockets.forEach(FaultProxy::closeQuietly);
    }

    private void closeServer() {
        try {
            server.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
