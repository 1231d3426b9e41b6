package dev.godwit.agent.memoryhost;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.Eventually;
import dev.godwit.agent.stream.PageRequest;
import dev.godwit.agent.transport.TransportException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A guest's side of its region, and what may happen to it meanwhile. */
@Timeout(180)
class RegionLinkTest {
    /** It attaches to the epoch before; the order to take back must not lie in wait for the region's next owner. */
    @Test
    void anAttemptToConnectThatIsUnderWayDoesNotStandForTakingBack() throws Exception {
        List<String> lost = new CopyOnWriteArrayList<>();
        UUID region = UUID.randomUUID();
        try (TestHost host = new TestHost(64, null);
                Gate gate = new Gate(host.address());
                RegionLink link = new RegionLink(caller(gate, region), () -> {}, lost::add)) {
            link.create();
            assertEquals(1, link.epoch());
            link.yielding(true);
            gate.shut();
            link.broken(link.fetch(), new TransportException(TransportException.Kind.BROKEN, "the network"));
            gate.somebodyWaits.await();
            link.takeBack();
            gate.open.countDown();
            Eventually.await(() -> link.epoch() == 2 && link.isConnected(), "it is connected as the new owner");
            // Who takes it now keeps it.
            link.yielding(true);
            try (RegionLink next = new RegionLink(caller(gate, region), () -> {}, lost::add)) {
                next.standBy(caller(gate, region).standBy());
                next.take(2);
                LockSupport.parkNanos(1_000_000_000);
                assertEquals(3, next.epoch());
                assertTrue(next.isConnected());
            }
            assertEquals(List.of(), lost);
        }
    }

    /** Else nobody would notice that its host is gone before a guest wants a page. */
    @Test
    void anIdleLinkAsksWhetherTheMemoryHostIsThere() throws Exception {
        UUID region = UUID.randomUUID();
        try (TestHost host = new TestHost(64, null);
                Gate gate = new Gate(host.address());
                RegionLink link = new RegionLink(caller(gate, region, Duration.ofSeconds(2)), () -> {}, why -> {})) {
            link.create();
            // All that was said by then.
            Eventually.await(() -> gate.asked.get() >= 2 * (64 + 32 + 32), "it is connected");
            long before = gate.asked.get();
            Eventually.await(() -> gate.asked.get() >= before + 3 * PageRequest.BYTES, "it asks again and again");
            assertTrue(link.isConnected());
        }
    }

    private static RegionCaller caller(Gate gate, UUID region) {
        return caller(gate, region, Duration.ofSeconds(20));
    }

    private static RegionCaller caller(Gate gate, UUID region, Duration stall) {
        return new RegionCaller(
                new RemoteConfig("127.0.0.1", gate.port(), region, RemoteConfig.LEAST_LOCAL),
                TestHost.SECRET,
                64,
                16,
                stall);
    }

    /** A way to a memory host on which connections can be kept waiting. */
    private static final class Gate implements AutoCloseable {
        final CountDownLatch somebodyWaits = new CountDownLatch(1);
        final CountDownLatch open = new CountDownLatch(1);
        /** Bytes that have gone to the memory host. */
        final AtomicLong asked = new AtomicLong();

        private final InetSocketAddress target;
        private final ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        private final List<Socket> sockets = new CopyOnWriteArrayList<>();
        private final ExecutorService threads = Executors.newCachedThreadPool();
        private volatile boolean shut;

        Gate(InetSocketAddress target) throws IOException {
            this.target = target;
            threads.execute(this::acceptAll);
        }

        int port() {
            return server.getLocalPort();
        }

        void shut() {
            shut = true;
        }

        private void acceptAll() {
            try {
                while (true) {
                    Socket near = server.accept();
                    sockets.add(near);
                    threads.execute(() -> join(near));
                }
            } catch (IOException e) {
                // Closed.
                open.countDown();
            }
        }

        private void join(Socket near) {
            try (near;
                    Socket far = new Socket()) {
                sockets.add(far);
                if (shut) {
                    somebodyWaits.countDown();
                    open.await();
                }
                far.connect(target);
                threads.execute(() -> pump(far, near, new AtomicLong()));
                pump(near, far, asked);
            } catch (IOException e) {
                // Closed.
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }

        private static void pump(Socket from, Socket to, AtomicLong count) {
            byte[] buffer = new byte[1 << 16];
            try (from;
                    to) {
                for (int have = 0; have >= 0; have = from.getInputStream().read(buffer)) {
                    to.getOutputStream().write(buffer, 0, have);
                    count.addAndGet(have);
                }
            } catch (IOException e) {
                // One side has ended it.
            }
        }

        @Override
        public void close() throws IOException {
            server.close();
            open.countDown();
            for (Socket socket : sockets) {
                socket.close();
            }
            threads.shutdownNow();
            threads.close();
        }
    }
}
