package dev.godwit.agent.transport;

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
        return connection.isLoopback() ? secret : connection.startTls(identity, client);
    }
}
