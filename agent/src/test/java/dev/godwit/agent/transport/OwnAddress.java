package dev.godwit.agent.transport;

import dev.godwit.agent.ThisHost;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.util.Optional;

/** An address of this host's off the loopback: what goes to it stays here, and has to be secured all the same. */
public final class OwnAddress {
    private OwnAddress() {}

    /** A test requires it: see {@link ThisHost#require}. */
    public static InetAddress find() throws SocketException {
        Optional<InetAddress> found = NetworkInterface.networkInterfaces()
                .flatMap(NetworkInterface::inetAddresses)
                .filter(address -> address instanceof Inet4Address && !address.isLoopbackAddress())
                .findFirst();
        ThisHost.require(found.isPresent(), "this host has no address but the loopback's");
        return found.orElseThrow();
    }
}
