package dev.godwit.agent.migration;

import static dev.godwit.agent.stream.PageFrame.U32;
import static dev.godwit.agent.stream.PageFrame.U64;

import dev.godwit.agent.transport.Connection;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.agent.transport.TransportException.Kind;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;

/**
 * A migration's control connection: small typed messages.
 *
 * <pre>
 *    0  u32  type, from 1
 *    4  u32  bytes that follow, bounded by the type
 *    8  u64  argument, its meaning by the type
 *   16  payload
 * </pre>
 *
 * <p>Threading: any thread sends, whole messages at a time; one thread receives.
 */
final class ControlChannel implements AutoCloseable {
    /** A received message. */
    record Message(MessageType type, long argument, byte[] payload) {
        /** The payload of a message that holds text for people; anything that is not printable is replaced. */
        String text() {
            return new String(payload, StandardCharsets.UTF_8).replaceAll("\\p{Cntrl}", " ");
        }
    }

    private static final int HEADER_BYTES = 16;

    /** How long a side that gives up tries to say why. */
    private static final Duration LAST_WORDS = Duration.ofMillis(300);

    private final Connection connection;
    private final ReentrantLock sending = new ReentrantLock();
    private final Arena arena = Arena.ofShared();
    private final MemorySegment header = arena.allocate(HEADER_BYTES);

    ControlChannel(Connection connection) {
        this.connection = connection;
    }

    Connection connection() {
        return connection;
    }

    void send(MessageType type, long argument) throws TransportException {
        send(type, argument, new byte[0]);
    }

    /**
     * Says why it is over, unless the peer takes nothing any more. Nothing is sent after it.
     *
     * @param text for people; null is nothing to say
     */
    void sendLast(MessageType type, String text) {
        byte[] bytes = String.valueOf(text).getBytes(StandardCharsets.UTF_8);
        // Whoever is sending now may do so for as long as a stall lasts: it is over, nobody waits for that.
        connection.setStall(LAST_WORDS);
        try {
            if (sending.tryLock(LAST_WORDS.toMillis(), TimeUnit.MILLISECONDS)) {
                try {
                    send(type, 0, bytes.length <= type.maxBytes() ? bytes : Arrays.copyOf(bytes, type.maxBytes()));
                } finally {
                    sending.unlock();
                }
            }
        } catch (TransportException gone) {
            // Then it knows already, or will ask.
            connection.abort();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    void send(MessageType type, long argument, byte[] payload) throws TransportException {
        sending.lock();
        try (Arena frameArena = Arena.ofConfined()) {
            MemorySegment frame = frameArena.allocate(HEADER_BYTES + (long) payload.length);
            frame.set(U32, 0, type.number());
            frame.set(U32, 4, payload.length);
            frame.set(U64, 8, argument);
            MemorySegment.copy(payload, 0, frame, ValueLayout.JAVA_BYTE, HEADER_BYTES, payload.length);
            connection.send(frame);
        } finally {
            sending.unlock();
        }
    }

    /** The next message that is not a PING. */
    Message receive() throws TransportException {
        while (true) {
            Message message = receiveAny();
            if (message.type != MessageType.PING) {
                return message;
            }
        }
    }

    /**
     * The next message, which must be of this type.
     *
     * @throws MigrationException of kind REFUSED when the peer sent REFUSE or ABORT instead
     */
    Message expect(MessageType type) throws TransportException, MigrationException {
        return checked(receive(), type);
    }

    /**
     * As {@link #expect}, and gives up when the peer's PINGs show that no data has arrived there for {@code stall},
     * though it lives: a stalled stream has nobody else to notice it once all is in the sockets.
     */
    Message expectWhileMoving(MessageType type, Duration stall) throws TransportException, MigrationException {
        Message message = receiveAny();
        long arrived = -1;
        for (long since = System.nanoTime(); message.type == MessageType.PING; message = receiveAny()) {
            if (message.argument != arrived) {
                arrived = message.argument;
                since = System.nanoTime();
            } else if (System.nanoTime() - since > stall.toNanos()) {
                throw new TransportException(Kind.STALLED, "a data stream to " + connection.peer() + " does not move");
            }
        }
        return checked(message, type);
    }

    /** Why the peer gave up, if it says so very soon; for a side that has lost it. */
    Optional<String> lastWords() {
        connection.setStall(LAST_WORDS);
        long until = System.nanoTime() + LAST_WORDS.toNanos();
        try {
            while (System.nanoTime() < until) {
                Message message = receiveAny();
                if (message.type == MessageType.ABORT || message.type == MessageType.REFUSE) {
                    return Optional.of(message.text());
                }
            }
        } catch (TransportException noWord) {
            return Optional.empty();
        }
        return Optional.empty();
    }

    /** The next message, which must be of one of these types. */
    Message expect(MessageType one, MessageType other) throws TransportException, MigrationException {
        Message message = receive();
        return message.type == one ? message : checked(message, other);
    }

    private Message checked(Message message, MessageType type) throws TransportException, MigrationException {
        if (message.type == type) {
            return message;
        }
        if (message.type == MessageType.REFUSE || message.type == MessageType.ABORT) {
            throw new MigrationException(
                    MigrationException.Kind.REFUSED, connection.peer() + " refused: " + message.text());
        }
        throw new TransportException(
                Kind.MALFORMED, connection.peer() + " sent " + message.type + " where " + type + " is due");
    }

    private Message receiveAny() throws TransportException {
        connection.receive(header);
        int type = header.get(U32, 0);
        MessageType known = MessageType.of(type);
        if (known == null) {
            throw new TransportException(
                    Kind.MALFORMED,
                    connection.peer() + " sent a message of unknown type " + Integer.toUnsignedString(type));
        }
        int bytes = header.get(U32, 4);
        if (bytes < 0 || bytes > known.maxBytes()) {
            throw new TransportException(
                    Kind.MALFORMED,
                    connection.peer() + " announced " + Integer.toUnsignedString(bytes) + " bytes of " + known
                            + ", at most " + known.maxBytes() + " are allowed");
        }
        long argument = header.get(U64, 8);
        if (bytes == 0) {
            return new Message(known, argument, new byte[0]);
        }
        try (Arena payloadArena = Arena.ofConfined()) {
            MemorySegment payload = payloadArena.allocate(bytes);
            connection.receive(payload);
            return new Message(known, argument, payload.toArray(ValueLayout.JAVA_BYTE));
        }
    }

    @Override
    public void close() {
        connection.close();
        arena.close();
    }
}
