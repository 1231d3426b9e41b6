package dev.godwit.agent.transport;

import dev.godwit.agent.transport.TransportException.Kind;
import dev.godwit.bindings.linux.GatherMessage;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.time.Duration;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLEngineResult;
import javax.net.ssl.SSLEngineResult.HandshakeStatus;
import javax.net.ssl.SSLException;

/**
 * What comes in under TLS: some records at a time from the socket, and out of each straight into guest memory. What a
 * record has beyond the memory that is to be filled waits here for the next call. The engine has checked a record's
 * authentication before it hands out its first byte.
 *
 * <p>The records lie in an array for the same reason as in {@link TlsOutput}.
 *
 * <p>Threading: one thread receives at a time.
 */
final class TlsInput {
    /** What a handshake may have of the peer; certificates are the greatest part. */
    private static final int HANDSHAKE_MOST = 64 << 10;

    private static final int BATCH = 8;

    private final Connection connection;
    private final SSLEngine engine;
    private final TlsOutput output;
    private final ByteBuffer records;
    private final MemorySegment wire;
    private final ByteBuffer rest;
    private final MemoryViews views = new MemoryViews(TlsOutput.RECORD);
    private boolean handshaking = true;
    private long deadline;
    private long handshakeBytes;

    TlsInput(Connection connection, SSLEngine engine, TlsOutput output) {
        this.connection = connection;
        this.engine = engine;
        this.output = output;
        int largest = engine.getSession().getPacketBufferSize();
        records = ByteBuffer.allocate(BATCH * largest).limit(0);
        wire = Arena.ofAuto().allocate(records.capacity());
        rest = ByteBuffer.allocate(largest).limit(0);
    }

    void receive(MemorySegment bytes) throws TransportException, SSLException {
        for (long at = 0, size = bytes.byteSize(); at < size; ) {
            views.of(bytes.address() + at, size - at);
            at += fill();
        }
    }

    void receive(GatherMessage message) throws TransportException, SSLException {
        while (message.count() > 0) {
            views.of(message);
            message.advance(fill());
        }
    }

    /** Whether something has been read of the wire that nobody has taken yet. */
    boolean hasBuffered() {
        return rest.hasRemaining() || records.hasRemaining();
    }

    /** How many bytes of the views have been filled. */
    private int fill() throws TransportException, SSLException {
        return rest.hasRemaining() ? takeRest() : decrypt();
    }

    private int takeRest() {
        ByteBuffer view = views.buffers()[0];
        int taken = Math.min(view.remaining(), rest.remaining());
        view.put(view.position(), rest, rest.position(), taken);
        rest.position(rest.position() + taken);
        return taken;
    }

    /** At most one record. */
    private int decrypt() throws TransportException, SSLException {
        rest.clear();
        SSLEngineResult result = engine.unwrap(records, views.followedBy(rest), 0, views.count() + 1);
        rest.flip();
        switch (result.getStatus()) {
            case OK -> {}
            case BUFFER_UNDERFLOW -> read();
            case BUFFER_OVERFLOW ->
                throw new TransportException(Kind.MALFORMED, connection.peer() + " sent a TLS record that is too long");
            case CLOSED ->
                throw new TransportException(Kind.CLOSED, connection.peer() + " has ended the TLS connection");
        }
        if (!handshaking && result.getHandshakeStatus() == HandshakeStatus.NEED_WRAP) {
            output.reply(); // new keys are wanted
        }
        return result.bytesProduced() - rest.remaining();
    }

    /** Begins to count time and bytes. */
    void beginHandshake(Duration limit) {
        deadline = System.nanoTime() + limit.toNanos();
    }

    /** Takes in a record of the handshake, or reads more of it. */
    void shake() throws TransportException, SSLException {
        views.none();
        decrypt();
    }

    void endHandshake() {
        handshaking = false;
        connection.limitSilence(null);
    }

    private void read() throws TransportException {
        records.compact();
        int room = records.remaining();
        if (handshaking) {
            room = (int) Math.min(room, HANDSHAKE_MOST - handshakeBytes);
            long left = deadline - System.nanoTime();
            if (left <= 0) {
                throw new TransportException(Kind.STALLED, connection.peer() + " takes too long for the TLS handshake");
            }
            connection.limitSilence(Duration.ofNanos(left));
        }
        if (room == 0) {
            throw new TransportException(
                    Kind.MALFORMED, connection.peer() + " sent more than a TLS record or handshake has");
        }
        int size = (int) connection.receiveWire(wire.address(), room);
        MemorySegment.copy(wire, ValueLayout.JAVA_BYTE, 0, records.array(), records.position(), size);
        records.position(records.position() + size).flip();
        if (handshaking) {
            if (handshakeBytes == 0 && !PlainOrTls.isTls(records.get(0))) {
                throw PlainOrTls.peerIsPlain(connection);
            }
            handshakeBytes += size;
        }
    }
}
