package dev.godwit.agent.api;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/** Stands between an agent and its memory host, and does something to their bytes after every so many of them. */
final class BrokenNetwork implements AutoCloseable {
    /** What it does. */
    enum Fault {
        /** All connections end. */
        CUT,
        /** One way of one connection stands still, and nobody is told. */
        STALL,
        /** A bit is another. */
        CORRUPT
    }

    private final ServerSocket server;
    private final InetSocketAddress target;
    private final Random random;
    private final List<Socket> sockets = new CopyOnWriteArrayList<>();
    private final ExecutorService threads = Executors.newCachedThreadPool(
            Thread.ofPlatform().daemon().name("network-", 0).factory());
    private final AtomicLong left = new AtomicLong(Long.MAX_VALUE);
    private final AtomicInteger faults = new AtomicInteger();
    private final CountDownLatch closed = new CountDownLatch(1);
    private volatile Fault fault = Fault.CUT;
    private volatile long every;

    BrokenNetwork(InetSocketAddress target, Random random) throws IOException {
        this.target = target;
        this.random = random;
        this.server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        threads.execute(this::acceptAll);
    }

    int port() {
        return server.getLocalPort();
    }

    /** From now on, after about so many bytes each time; 0 for never again. */
    void breakEvery(Fault what, long bytes) {
        fault = what;
        every = bytes;
        left.set(next());
    }

    int faults() {
        return faults.get();
    }

    private synchronized long next() {
        return every == 0 ? Long.MAX_VALUE : 1 + random.nextLong(2 * every);
    }

    private void acceptAll() {
        try {
            while (true) {
                Socket near = server.accept();
                Socket far = new Socket();
                sockets.add(near);
                sockets.add(far);
                threads.execute(() -> join(near, far));
            }
        } catch (IOException e) {
            // Closed.
            closed.countDown();
        }
    }

    private void join(Socket near, Socket far) {
        try {
            far.connect(target);
            near.setTcpNoDelay(true);
            far.setTcpNoDelay(true);
            threads.execute(() -> pump(far, near));
            pump(near, far);
        } catch (IOException e) {
            close(near);
        }
    }

    private void pump(Socket from, Socket to) {
        byte[] buffer = new byte[1 << 16];
        try {
            InputStream in = from.getInputStream();
            OutputStream out = to.getOutputStream();
            for (int have = in.read(buffer); have > 0; have = in.read(buffer)) {
                long before = left.getAndAdd(-have);
                if (before > 0 && before <= have) {
                    left.set(next());
                    faults.incrementAndGet();
                    act(buffer, (int) before - 1);
                }
                out.write(buffer, 0, have);
            }
        } catch (IOException e) {
            // One side or the test has ended it.
            close(from);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        close(to);
    }

    private void act(byte[] buffer, int at) throws InterruptedException {
        switch (fault) {
            case CUT -> cut();
            case STALL -> closed.await();
            case CORRUPT -> buffer[at] = (byte) (buffer[at] ^ 1 << (at & 7));
        }
    }

    /** Ends all connections; new ones may be made. */
    void cut() {
        sockets.forEach(BrokenNetwork::close);
        sockets.clear();
    }

    private static void close(Socket socket) {
        try {
            socket.close();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void close() throws IOException {
        server.close();
        closed.countDown();
        cut();
        threads.shutdownNow();
        threads.close();
    }
}
