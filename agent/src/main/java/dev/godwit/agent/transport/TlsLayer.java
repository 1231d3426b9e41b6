package dev.godwit.agent.transport;

import dev.godwit.agent.transport.TransportException.Kind;
import dev.godwit.bindings.linux.GatherMessage;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import javax.net.ssl.ExtendedSSLSession;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLException;

/**
 * TLS 1.3 (RFC 8446) on a connection, by the JDK's engine.
 *
 * <p>A connection that ends does not say so under TLS: the protocol above knows what is still to come, and takes any
 * early end for a failure.
 *
 * <p>Threading: as {@link Connection}, once {@link #handshake} has returned.
 */
final class TlsLayer {
    private static final Duration HANDSHAKE_LIMIT = Duration.ofSeconds(10);
    private static final String EXPORTER = "EXPORTER-godwit";
    private static final int EXPORTED_BYTES = 32;

    private final Connection connection;
    private final SSLEngine engine;
    private final TlsOutput output;
    private final TlsInput input;

    /** Whether the peer has sent anything after the handshake, so that it has accepted this side's certificate. */
    private boolean accepted;

    TlsLayer(Connection connection, SSLEngine engine) {
        this.connection = connection;
        this.engine = engine;
        output = new TlsOutput(connection, engine);
        input = new TlsInput(connection, engine, output);
    }

    /** Both sides' handshake; nothing but it is read. */
    void handshake() throws TransportException {
        handshake(HANDSHAKE_LIMIT);
    }

    void handshake(Duration limit) throws TransportException {
        input.beginHandshake(limit);
        try {
            engine.beginHandshake();
            boolean going = true;
            while (going) {
                switch (engine.getHandshakeStatus()) {
                    case NEED_TASK -> engine.getDelegatedTask().run();
                    case NEED_WRAP -> output.sendOwn();
                    case NEED_UNWRAP, NEED_UNWRAP_AGAIN -> input.shake();
                    case FINISHED, NOT_HANDSHAKING -> going = false;
                }
            }
        } catch (SSLException e) {
            sendAlert();
            throw TlsErrors.explained(connection, e);
        }
        input.endHandshake();
    }

    /** Why the handshake failed, as far as the peer still takes it. */
    private void sendAlert() {
        try {
            output.sendOwn();
        } catch (TransportException | SSLException e) {
            // Then it knows from the closed connection alone.
        }
    }

    /** A secret of this very connection (RFC 8446, 7.5): only its two ends have it. */
    Secret exportedSecret() throws TransportException {
        try {
            ExtendedSSLSession session = (ExtendedSSLSession) engine.getSession();
            return new Secret(session.exportKeyingMaterialData(EXPORTER, null, EXPORTED_BYTES));
        } catch (SSLException e) {
            throw TlsErrors.explained(connection, e);
        }
    }

    void send(MemorySegment bytes) throws TransportException {
        try {
            output.send(bytes);
        } catch (SSLException e) {
            throw TlsErrors.explained(connection, e);
        } catch (TransportException e) {
            throw refused(e);
        }
    }

    void send(GatherMessage message) throws TransportException {
        try {
            output.send(message);
        } catch (SSLException e) {
            throw TlsErrors.explained(connection, e);
        }
    }

    boolean hasBuffered() {
        return input.hasBuffered();
    }

    void receive(MemorySegment bytes) throws TransportException {
        try {
            input.receive(bytes);
            accepted = true;
        } catch (SSLException e) {
            throw TlsErrors.explained(connection, e);
        }
    }

    void receive(GatherMessage message) throws TransportException {
        try {
            input.receive(message);
        } catch (SSLException e) {
            throw TlsErrors.explained(connection, e);
        }
    }

    /**
     * In TLS 1.3 a client has done its part before the server judges its certificate, and may find the connection
     * closed when it sends its first word: then the alert that says why is here to be read. Nobody else reads before the
     * peer has answered that word.
     */
    private TransportException refused(TransportException broken) {
        if (!accepted && (broken.kind() == Kind.CLOSED || broken.kind() == Kind.BROKEN)) {
            try {
                while (true) {
                    input.shake();
                }
            } catch (SSLException e) {
                return TlsErrors.explained(connection, e);
            } catch (TransportException e) {
                return broken;
            }
        }
        return broken;
    }
}
