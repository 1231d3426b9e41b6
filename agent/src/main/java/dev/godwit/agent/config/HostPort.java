package dev.godwit.agent.config;

import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Addresses as people write them: {@code host:port}, with an IPv6 address in brackets. */
public final class HostPort {
    private static final Pattern BRACKETED = Pattern.compile("\\[([0-9A-Fa-f:.%a-zA-Z]+)]:([0-9]{1,6})");
    private static final Pattern PLAIN = Pattern.compile("([A-Za-z0-9._-]+):([0-9]{1,6})");
    private static final int MAX_PORT = 65_535;

    private HostPort() {}

    /**
     * Reads and resolves an address to bind.
     *
     * @param what what the address is for, for the message
     * @throws Failure bad input, when it is no address, or its host is not known
     */
    public static InetSocketAddress parseListen(String what, String text) {
        return parse(what, text, 0);
    }

    /** Reads and resolves an address to connect to; as {@link #parseListen}, without port 0. */
    public static InetSocketAddress parseTarget(String what, String text) {
        return parse(what, text, 1);
    }

    private static InetSocketAddress parse(String what, String text, int leastPort) {
        Matcher m = BRACKETED.matcher(text);
        if (!m.matches()) {
            m = PLAIN.matcher(text);
        }
        if (!m.matches()) {
            throw Failure.badInput(what + ": " + Quoted.of(text)
                    + " is not an address; write HOST:PORT, such as 127.0.0.1:7000 or [::1]:7000");
        }
        int port = Integer.parseInt(m.group(2));
        if (port < leastPort || port > MAX_PORT) {
            throw Failure.badInput(
                    what + ": port " + port + " in " + Quoted.of(text) + " is not in " + leastPort + " to " + MAX_PORT);
        }
        InetSocketAddress address = new InetSocketAddress(m.group(1), port);
        if (address.isUnresolved()) {
            throw Failure.badInput(what + ": no address is known for host " + Quoted.of(m.group(1)));
        }
        return address;
    }

    /** The address as {@link #parseTarget} reads it, in digits. */
    public static String text(InetSocketAddress address) {
        InetAddress ip = address.getAddress();
        if (ip == null) {
            return address.getHostString() + ":" + address.getPort();
        }
        String digits = ip.getHostAddress();
        return (ip instanceof Inet6Address ? "[" + digits + "]" : digits) + ":" + address.getPort();
    }
}
