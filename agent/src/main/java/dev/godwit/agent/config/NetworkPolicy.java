package dev.godwit.agent.config;

import dev.godwit.agent.transport.Credentials;
import java.net.InetSocketAddress;

/** Which addresses migrations may use: the loopback, and with certificates all others. */
public final class NetworkPolicy {
    private NetworkPolicy() {}

    /**
     * Refuses an address that the credentials are of no use for.
     *
     * @param what what the address is for, for the message
     * @throws Failure bad input
     */
    public static void check(String what, InetSocketAddress address, Credentials credentials) {
        if (!credentials.reach(address.getAddress())) {
            throw Failure.badInput(what + ": " + HostPort.text(address)
                    + " is not on the loopback, and this agent has no certificates; make them with"
                    + " godwit certs DIR --host NAME, and start it with --tls DIR/NAME");
        }
    }
}
