package dev.godwit.agent.transport;

import dev.godwit.agent.transport.TransportException.Kind;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;

/**
 * Two sides that do not agree whether they are on one loopback: one of them sees a tunnel's or a proxy's end. Each is
 * told what the other expects: whoever finds out answers with a fatal TLS alert, which either kind of peer knows.
 */
final class PlainOrTls {
    /** The alert that says so: unexpected_message, RFC 8446, 6.2. */
    static final String ALERT = "unexpected_message";

    private static final byte[] ALERT_RECORD = {21, 3, 3, 0, 2, 2, 10};
    private static final int FIRST_TYPE = 20;
    private static final int LAST_TYPE = 23;

    private PlainOrTls() {}

    /** Whether a TLS record may begin so; no greeting of Godwit does. */
    static boolean isTls(byte first) {
        return first >= FIRST_TYPE && first <= LAST_TYPE;
    }

    /** Where TLS is due, and the peer has sent something else. */
    static TransportException peerIsPlain(Connection connection) {
        sendAlert(connection);
        return new TransportException(
                Kind.MALFORMED,
                connection.peer() + " does not use TLS, which is due where the peer is not on the loopback");
    }

    /** Where the shared secret is due, and the calling peer has begun TLS. */
    static TransportException callerUsesTls(Connection connection) {
        sendAlert(connection);
        return new TransportException(
                Kind.MALFORMED, connection.peer() + " uses TLS, but on the loopback the shared secret is due");
    }

    /** Where the shared secret is due, and the agent that was called has answered with TLS. */
    static TransportException agentWantsTls(Connection connection) {
        return new TransportException(
                Kind.UNAUTHENTICATED,
                connection.peer() + " wants TLS: there this connection comes from off the loopback, as through a"
                        + " tunnel or a forwarded port; the agent's own address is right");
    }

    /** Where TLS is due, and the agent that was called has refused it. */
    static TransportException agentIsPlain(Connection connection) {
        return new TransportException(
                Kind.UNAUTHENTICATED,
                connection.peer() + " takes no TLS: there this connection comes from the loopback, as through a tunnel"
                        + " or a forwarded port; the agent's own address is right");
    }

    private static void sendAlert(Connection connection) {
        try (Arena arena = Arena.ofConfined()) {
            connection.sendWire(
                    arena.allocateFrom(ValueLayout.JAVA_BYTE, ALERT_RECORD).address(), ALERT_RECORD.length);
        } catch (TransportException e) {
            // It will not hear it, then.
        }
    }
}
