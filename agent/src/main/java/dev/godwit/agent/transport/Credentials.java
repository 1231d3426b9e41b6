package dev.godwit.agent.transport;

import java.net.InetAddress;

/**
 * What makes an agent believed: a {@link Secret} on the loopback, and with {@link ClusterCredentials} certificates
 * everywhere else.
 *
 * <p>Threading: any thread.
 */
public sealed interface Credentials permits Secret, ClusterCredentials {
    /** Whether these will do for a peer at that address. */
    boolean reach(InetAddress address);

    /**
     * Makes a new connection one that only its two ends can read, or leaves it as it is on the loopback.
     *
     * @param client whether this side connected
     * @return what both ends now prove to have
     * @throws TransportException of kind UNAUTHENTICATED when there is nothing to be believed by
     */
    Secret secure(Connection connection, boolean client) throws TransportException;
}
