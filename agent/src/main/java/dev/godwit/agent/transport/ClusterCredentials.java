package dev.godwit.agent.transport;

import dev.godwit.host.thread.Urgency;
import java.net.InetAddress;

/**
 * The shared secret for the loopback, and certificates for all other addresses.
 *
 * @param secret not used over TLS, whose connections have a secret of their own
 */
public record ClusterCredentials(Secret secret, TlsIdentity identity) implements Credentials {
    @Override
    public boolean reach(InetAddress address) {
        return true;
    }

    @Override
    public Secret secure(Connection connection, boolean client) throws TransportException {
        // Strangers can ask for it.
        if (connection.isLoopback()) {
            return secret;
        }
        try (Urgency.Pause _ = Urgency.pause()) {
            return connection.startTls(identity, client);
        }
    }
}
