package dev.godwit.agent.config;

import java.net.InetSocketAddress;

/** Which addresses migrations may use: the loopback, as connections are authenticated but not encrypted. */
public final class NetworkPolicy {
    /** What allows other addresses. */
    public static final String OPTION = "--insecure-network";

    /** Said once where the option is used. */
    public static final String WARNING =
            "migrations off the loopback are authenticated but not encrypted: use a network that nobody else reads";

    private NetworkPolicy() {}

    /**
     * Refuses an address off the loopback unless the user insists.
     *
     * @throws Failure bad input
     */
    public static void check(String what, InetSocketAddress address, boolean insecureAllowed) {
        if (!insecureAllowed && !address.getAddress().isLoopbackAddress()) {
            throw Failure.badInput(what + ": " + HostPort.text(address)
                    + " is not on the loopback, and connections are not encrypted; " + OPTION + " allows it");
        }
    }
}
