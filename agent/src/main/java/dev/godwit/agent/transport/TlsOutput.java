package dev.godwit.agent.transport;

import dev.godwit.agent.transport.TransportException.Kind;
import dev.godwit.bindings.linux.GatherMessage;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.concurrent.locks.ReentrantLock;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLEngineResult;
import javax.net.ssl.SSLEngineResult.HandshakeStatus;
import javax.net.ssl.SSLException;

/**
 * What goes out under TLS: from guest memory into records, and some records at a time to the socket.
 *
 * <p>The engine writes into an array, where the JDK encrypts in place; into native memory it would encrypt by way of
 * two arrays that it makes anew for each record. The one copy from the array to the socket's buffer costs less. Nothing
 * here is allocated for a record; the JDK takes some hundred bytes for its own.
 *
 * <p>Threading: one thread sends at a time; {@link #reply} from the receiving thread.
 */
final class TlsOutput {
    /** The most plaintext of a record, says RFC 8446, 5.1. */
    static final int RECORD = 1 << 14;

    private static final int BATCH = 8;
    private static final ByteBuffer NOTHING = ByteBuffer.allocate(0);

    private final Connection connection;
    private final SSLEngine engine;
    private final int largest;
    private final ByteBuffer records;
    private final MemorySegment wire;
    private final MemoryViews views = new MemoryViews(RECORD);
    private final ReentrantLock sending = new ReentrantLock();

    TlsOutput(Connection connection, SSLEngine engine) {
        this.connection = connection;
        this.engine = engine;
        largest = engine.getSession().getPacketBufferSize();
        records = ByteBuffer.allocate(BATCH * largest);
        // Its end is nobody's business but the collector's: a sender may be in it while the connection is given up.
        wire = Arena.ofAuto().allocate(records.capacity());
    }

    void send(MemorySegment bytes) throws TransportException, SSLException {
        sending.lock();
        try {
            for (long at = 0, size = bytes.byteSize(); at < size; ) {
                views.of(bytes.address() + at, size - at);
                at += encrypt();
            }
            flush();
        } finally {
            sending.unlock();
        }
    }

    void send(GatherMessage message) throws TransportException, SSLException {
        sending.lock();
        try {
            while (message.count() > 0) {
                views.of(message);
                message.advance(encrypt());
            }
            flush();
        } finally {
            sending.unlock();
        }
    }

    /** Makes a record of the views, or of what the engine has to say first; how much of the views is in it. */
    private int encrypt() throws TransportException, SSLException {
        SSLEngineResult result = engine.wrap(views.buffers(), 0, views.count(), records);
        if (result.getStatus() != SSLEngineResult.Status.OK) {
            throw new TransportException(Kind.CLOSED, connection.peer() + " has ended the TLS connection");
        }
        if (records.remaining() < largest) {
            flush();
        }
        return result.bytesConsumed();
    }

    /** Sends what the engine has to say: its part of the handshake, or an alert. */
    void sendOwn() throws TransportException, SSLException {
        sending.lock();
        try {
            boolean more = true;
            while (more) {
                SSLEngineResult result = engine.wrap(NOTHING, records);
                more = result.bytesProduced() > 0
                        && result.getHandshakeStatus() == HandshakeStatus.NEED_WRAP
                        && result.getStatus() == SSLEngineResult.Status.OK;
                flush();
            }
        } finally {
            sending.unlock();
        }
    }

    /** Answers what the peer asked for beneath the data, unless somebody is sending, which answers it too. */
    void reply() throws TransportException, SSLException {
        if (sending.tryLock()) {
            try {
                sendOwn();
            } finally {
                sending.unlock();
            }
        }
    }

    private void flush() throws TransportException {
        int size = records.position();
        records.clear();
        if (size > 0) {
            MemorySegment.copy(records.array(), 0, wire, ValueLayout.JAVA_BYTE, 0, size);
            connection.sendWire(wire.address(), size);
        }
    }
}
