package dev.godwit.perf.peer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.godwit.agent.config.Failure;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/**
 * Speaks QMP, QEMU's JSON over a Unix socket: commands one at a time, events kept until somebody wants them. One thread
 * at a time.
 *
 * <p>Source: QEMU's {@code docs/interop/qmp-spec.rst}.
 */
public final class QmpClient implements AutoCloseable {
    private static final ObjectMapper MAPPER = new ObjectMapper();
    private static final String EVENT = "event";

    private final SocketChannel socket;
    private final BlockingQueue<Line> lines = new LinkedBlockingQueue<>();
    private final Deque<JsonNode> events = new ArrayDeque<>();
    private final Duration patience;
    private long lastId;

    /** Text is null at the end of all. */
    private record Line(String text) {}

    /**
     * Connects, reads the greeting and leaves negotiation.
     *
     * @param path of the socket, which must listen already
     * @param patience the longest wait for an answer
     * @throws Failure when nobody greets
     */
    public QmpClient(Path path, Duration patience) {
        this.patience = patience;
        try {
            socket = SocketChannel.open(StandardProtocolFamily.UNIX);
            try {
                socket.connect(UnixDomainSocketAddress.of(path));
            } catch (IOException e) {
                socket.close();
                throw e;
            }
        } catch (IOException e) {
            throw Failure.failed("QMP: cannot connect to " + path + ": " + e.getMessage());
        }
        Thread.ofVirtual().name("qmp-reader").start(this::read);
        try {
            JsonNode greeting = next(System.nanoTime() + patience.toNanos(), "its greeting");
            if (!greeting.has("QMP")) {
                throw Failure.failed("QMP: not a greeting: " + greeting);
            }
            execute("qmp_capabilities", Map.of());
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    private void read() {
        try (BufferedReader reader = new BufferedReader(Channels.newReader(socket, StandardCharsets.UTF_8))) {
            for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                lines.add(new Line(line));
            }
        } catch (IOException e) {
            // Closed here or there: the end is all there is to say.
        } finally {
            lines.add(new Line(null));
        }
    }

    /**
     * Carries out a command.
     *
     * @return what the answer's {@code return} holds
     * @throws Failure with QEMU's words when it refuses, or when no answer comes in time
     */
    public JsonNode execute(String command, Map<String, ?> arguments) {
        Map<String, Object> message = new LinkedHashMap<>();
        message.put("execute", command);
        message.put("id", ++lastId);
        if (!arguments.isEmpty()) {
            message.put("arguments", arguments);
        }
        try {
            ByteBuffer bytes =
                    ByteBuffer.wrap((MAPPER.writeValueAsString(message) + "\n").getBytes(StandardCharsets.UTF_8));
            while (bytes.hasRemaining()) {
                socket.write(bytes);
            }
        } catch (IOException e) {
            throw Failure.failed("QMP: " + command + " cannot be sent: " + e.getMessage());
        }
        long deadline = System.nanoTime() + patience.toNanos();
        while (true) {
            JsonNode answer = next(deadline, "the answer to " + command);
            if (answer.has(EVENT)) {
                events.add(answer);
            } else if (answer.path("id").asLong() == lastId) {
                if (answer.has("error")) {
                    throw Failure.failed("QMP: " + command + " failed: "
                            + answer.path("error").path("desc").asText());
                }
                return answer.path("return");
            }
        }
    }

    /**
     * The first event, of those not returned yet, that is wanted; others before it stay.
     *
     * @param what it is called in the message of a failure
     * @throws Failure when it does not come in time
     */
    public JsonNode awaitEvent(String what, Predicate<JsonNode> wanted, Duration atMost) {
        return pollEvent(wanted, atMost).orElseThrow(() -> late("event " + what));
    }

    /**
     * The same; empty when it does not come in time.
     *
     * @throws Failure when the connection ends
     */
    public Optional<JsonNode> pollEvent(Predicate<JsonNode> wanted, Duration atMost) {
        for (JsonNode event : events) {
            if (wanted.test(event)) {
                events.remove(event);
                return Optional.of(event);
            }
        }
        long deadline = System.nanoTime() + atMost.toNanos();
        while (true) {
            Optional<JsonNode> message = poll(deadline, "an event");
            if (message.isEmpty() || (message.get().has(EVENT) && wanted.test(message.get()))) {
                return message;
            }
            events.add(message.get());
        }
    }

    private JsonNode next(long deadline, String what) {
        return poll(deadline, what).orElseThrow(() -> late(what));
    }

    private static Failure late(String what) {
        return Failure.failed("QMP: " + what + " did not come in time");
    }

    private Optional<JsonNode> poll(long deadline, String what) {
        try {
            Line line = lines.poll(Math.max(0, deadline - System.nanoTime()), TimeUnit.NANOSECONDS);
            if (line == null) {
                return Optional.empty();
            }
            if (line.text == null) {
                lines.add(line);
                throw Failure.failed("QMP: the connection ended before " + what);
            }
            return Optional.of(MAPPER.readTree(line.text));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw Failure.failed("interrupted");
        } catch (IOException e) {
            throw Failure.failed("QMP: not JSON: " + e.getMessage());
        }
    }

    @Override
    public void close() {
        try {
            socket.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
