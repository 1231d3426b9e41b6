package dev.godwit.agent.process;

import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** A tunnel to an agent, as somebody may lay one over a network; it ends for good with COMMIT, the last that it passes on. */
final class DyingTunnel implements AutoCloseable {
    private static final int HELLO = 64;
    private static final int PROOF = 32;
    private static final int CONTROL = 1;
    private static final int COMMIT = 8;

    private final ServerSocket server;
    private final InetSocketAddress target;
    private volatile boolean dead;
    private final List<Socket> sockets = new CopyOnWriteArrayList<>();

    DyingTunnel(String target) throws IOException {
        int colon = target.lastIndexOf(':');
        this.target = new InetSocketAddress(target.substring(0, colon), Integer.parseInt(target.substring(colon + 1)));
        this.server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        Thread.ofPlatform().daemon().start(this::acceptAll);
    }

    String address() {
        return "127.0.0.1:" + server.getLocalPort();
    }

    private void acceptAll() {
        try {
            while (true) {
                Socket source = server.accept();
                sockets.add(source);
                if (dead) {
                    // The kernel may hand out one more when somebody closes the server.
                    close(source);
                    return;
                }
                Socket onward = new Socket(target.getAddress(), target.getPort());
                sockets.add(onward);
                Thread.ofPlatform().daemon().start(() -> pass(onward, source));
                Thread.ofPlatform().daemon().start(() -> watch(source, onward));
            }
        } catch (IOException ended) {
            // COMMIT may still be on its way: what is open stays so until the test ends.
        }
    }

    private void pass(Socket from, Socket to) {
        try {
            from.getInputStream().transferTo(to.getOutputStream());
        } catch (IOException ended) {
            close(to);
        }
    }

    /** From the source to the target, message by message where it is the control connection. */
    private void watch(Socket from, Socket to) {
        try {
            DataInputStream in = new DataInputStream(from.getInputStream());
            OutputStream out = to.getOutputStream();
            byte[] hello = in.readNBytes(HELLO);
            out.write(hello);
            if (ByteBuffer.wrap(hello).order(ByteOrder.LITTLE_ENDIAN).getShort(12) != CONTROL) {
                in.transferTo(out);
                return;
            }
            out.write(in.readNBytes(PROOF));
            while (true) {
                byte[] header = in.readNBytes(16);
                ByteBuffer fields = ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN);
                byte[] payload = in.readNBytes(fields.getInt(4));
                boolean last = fields.getInt(0) == COMMIT;
                if (last) {
                    // Sooner than the target can answer: no word of it is to reach the source.
                    dead = true;
                    server.close();
                    close(from);
                }
                out.write(header);
                out.write(payload);
                if (last) {
                    // The target is to have it: its side ends in good order.
                    to.shutdownOutput();
                    return;
                }
            }
        } catch (IOException | IndexOutOfBoundsException ended) {
            close(to);
        }
    }

    private static void close(Socket socket) {
        try {
            socket.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        try {
            server.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        sockets.forEach(DyingTunnel::close);
    }
}
