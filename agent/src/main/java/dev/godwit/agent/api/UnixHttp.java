package dev.godwit.agent.api;

import dev.godwit.agent.config.Failure;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.ConnectException;
import java.net.SocketException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * The part of HTTP/1.1 (RFC 9112) that a client of the agent's API needs: one request a connection, whose answer has a
 * length. A client library takes half a second to start, which a command line feels.
 */
final class UnixHttp {
    private static final int MAX_ANSWER = 64 << 20;
    private static final int CHUNK = 64 * 1024;

    private final Path socket;

    UnixHttp(Path socket) {
        this.socket = socket;
    }

    /** An answer; header names in lower case. */
    @SuppressWarnings("ArrayRecordComponent") // a plain carrier, never compared
    record Answer(int status, Map<String, String> headers, byte[] body) {}

    /**
     * Asks and waits for the answer.
     *
     * @throws Failure when there is no agent, or no answer in time
     */
    Answer send(String method, String target, String contentType, byte[] body, Duration timeout) {
        String head = method + " " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: "
                + contentType + "\r\nContent-Length: " + body.length + "\r\n\r\n";
        ByteBuffer request = ByteBuffer.allocate(head.length() + body.length)
                .put(head.getBytes(StandardCharsets.US_ASCII))
                .put(body)
                .flip();
        try (SocketChannel channel = connect()) {
            return parse(exchange(channel, request, System.nanoTime() + timeout.toNanos(), timeout));
        } catch (IOException e) {
            throw Failure.failed("the agent at " + socket + " broke off: " + e.getMessage());
        }
    }

    private SocketChannel connect() throws IOException {
        if (!Files.exists(socket)) {
            throw Failure.failed("no agent at " + socket
                    + "; start one with: godwit agent --dir DIR --listen 127.0.0.1:7000, and name it with"
                    + " --agent DIR/api.sock");
        }
        if (Files.isRegularFile(socket) || Files.isDirectory(socket)) {
            throw Failure.badInput(
                    socket + " is no socket; --agent takes the one that an agent has in its directory, DIR/api.sock");
        }
        SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
        try {
            channel.connect(UnixDomainSocketAddress.of(socket));
            return channel;
        } catch (ConnectException e) {
            channel.close();
            throw Failure.failed("no agent listens at " + socket + " any more; start it again");
        } catch (SocketException e) {
            channel.close();
            throw Failure.failed("the agent at " + socket + " cannot be reached: " + e.getMessage());
        } catch (IOException | RuntimeException e) {
            channel.close();
            throw e;
        }
    }

    private byte[] exchange(SocketChannel channel, ByteBuffer request, long deadline, Duration timeout)
            throws IOException {
        channel.configureBlocking(false);
        ByteArrayOutputStream answer = new ByteArrayOutputStream();
        byte[] buffer = new byte[CHUNK];
        try (Selector selector = Selector.open()) {
            SelectionKey key = channel.register(selector, SelectionKey.OP_WRITE | SelectionKey.OP_READ);
            while (true) {
                long left = (deadline - System.nanoTime()) / 1_000_000;
                if (left <= 0 || (selector.select(left) == 0 && System.nanoTime() >= deadline)) {
                    throw Failure.failed(
                            "the agent at " + socket + " does not answer within " + timeout.toSeconds() + " s");
                }
                selector.selectedKeys().clear();
                try {
                    if (key.isWritable() && request.hasRemaining()) {
                        channel.write(request);
                    }
                    key.interestOps(request.hasRemaining() ? key.interestOps() : SelectionKey.OP_READ);
                    if (key.isReadable() && read(channel, buffer, answer) < 0) {
                        return answer.toByteArray();
                    }
                } catch (IOException e) {
                    return afterReset(channel, buffer, answer, e);
                }
            }
        }
    }

    /** A server that refuses a request need not read all of it: what it answered before it closed is there to be read. */
    private static byte[] afterReset(
            SocketChannel channel, byte[] buffer, ByteArrayOutputStream answer, IOException reset) throws IOException {
        try {
            while (read(channel, buffer, answer) > 0) {
                // More is there.
            }
        } catch (IOException e) {
            // That was all.
        }
        if (answer.size() == 0) {
            throw reset;
        }
        return answer.toByteArray();
    }

    /** Reads what is there; returns how much, or -1 at the end. */
    private static int read(SocketChannel channel, byte[] buffer, ByteArrayOutputStream answer) throws IOException {
        int count = channel.read(ByteBuffer.wrap(buffer));
        answer.write(buffer, 0, Math.max(0, count));
        if (answer.size() > MAX_ANSWER) {
            throw new IOException("its answer does not end");
        }
        return count;
    }

    private static Answer parse(byte[] answer) throws IOException {
        int end = endOfHead(answer);
        String[] lines = new String(answer, 0, end, StandardCharsets.ISO_8859_1).split("\r\n", -1);
        Map<String, String> headers = new TreeMap<>();
        for (int i = 1; i < lines.length; i++) {
            int colon = lines[i].indexOf(':');
            if (colon > 0) {
                headers.put(
                        lines[i].substring(0, colon).toLowerCase(Locale.ROOT),
                        lines[i].substring(colon + 1).strip());
            }
        }
        int start = end + 4;
        int length = answer.length - start;
        String expected = headers.getOrDefault("content-length", "0");
        if (!lines[0].matches("HTTP/1\\.1 [0-9]{3}.*") || !expected.equals(Integer.toString(length))) {
            throw new IOException("its answer is cut short");
        }
        byte[] body = new byte[length];
        System.arraycopy(answer, start, body, 0, length);
        return new Answer(Integer.parseInt(lines[0].substring(9, 12)), headers, body);
    }

    private static int endOfHead(byte[] answer) throws IOException {
        for (int i = 0; i + 3 < answer.length; i++) {
            if (answer[i] == '\r' && answer[i + 1] == '\n' && answer[i + 2] == '\r' && answer[i + 3] == '\n') {
                return i;
            }
        }
        throw new IOException("it went without an answer");
    }
}
