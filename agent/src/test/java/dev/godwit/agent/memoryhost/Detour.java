package dev.godwit.agent.memoryhost;

import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** A way to a memory host on which connections, and what is said on them, may be kept waiting. */
class Detour implements AutoCloseable {
    private final InetSocketAddress target;
    private final ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    private final List<Socket> sockets = new CopyOnWriteArrayList<>();
    private final ExecutorService threads = Executors.newCachedThreadPool();

    Detour(InetSocketAddress target) throws IOException {
        this.target = target;
        threads.execute(this::acceptAll);
    }

    /** Who calls the memory host this way, for a guest of so many pages. */
    RegionCaller caller(UUID region, long pages, long reserved, Duration stall) {
        RemoteConfig config = new RemoteConfig("127.0.0.1", server.getLocalPort(), region, RemoteConfig.LEAST_LOCAL);
        return new RegionCaller(config, TestHost.SECRET, pages, reserved, stall);
    }

    /** Somebody has connected, and is about to be connected there. */
    void connecting() throws InterruptedException {}

    /** Passes on what somebody has said; {@code up} is towards the memory host. */
    void pass(byte[] bytes, int count, OutputStream to, boolean up) throws IOException, InterruptedException {
        to.write(bytes, 0, count);
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
        }
    }

    private void join(Socket near) {
        try (near;
                Socket far = new Socket()) {
            sockets.add(far);
            connecting();
            far.connect(target);
            threads.execute(() -> pump(far, near, false));
            pump(near, far, true);
        } catch (IOException e) {
            // One side has ended it.
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void pump(Socket from, Socket to, boolean up) {
        byte[] buffer = new byte[1 << 16];
        try (from;
                to) {
            for (int have = 0; have >= 0; have = from.getInputStream().read(buffer)) {
                pass(buffer, have, to.getOutputStream(), up);
            }
        } catch (IOException e) {
            // One side has ended it.
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void close() throws IOException {
        server.close();
        for (Socket socket : sockets) {
            socket.close();
        }
        threads.shutdownNow();
        threads.close();
    }
}
