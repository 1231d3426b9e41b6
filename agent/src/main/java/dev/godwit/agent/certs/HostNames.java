package dev.godwit.agent.certs;

import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.Quoted;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * The names and addresses by which one host is called.
 *
 * @param all the host's own name first, all of them different
 */
public record HostNames(List<String> all) {
    private static final Pattern DNS = Pattern.compile("(?=.{1,253}$)([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\\.)*"
            + "[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?");
    private static final Pattern IPV4 = Pattern.compile("[0-9]{1,3}(\\.[0-9]{1,3}){3}");

    /**
     * Reads {@code NAME[,NAME or IP...]}.
     *
     * @throws Failure bad input
     */
    public static HostNames parse(String what, String text) {
        List<String> names = new ArrayList<>();
        for (String name : text.split(",", -1)) {
            if (!isAddress(name) && !DNS.matcher(name).matches()) {
                throw Failure.badInput(what + ": " + Quoted.of(name)
                        + " is neither a host name nor an address; write NAME[,IP...], such as a,10.0.0.1");
            }
            if (names.contains(name)) {
                throw Failure.badInput(what + ": " + Quoted.of(name) + " is named twice");
            }
            names.add(name);
        }
        return new HostNames(List.copyOf(names));
    }

    /** The name of the host itself. */
    public String own() {
        return all.getFirst();
    }

    /** Whether it is an address in digits, and no name. */
    static boolean isAddress(String name) {
        if (!IPV4.matcher(name).matches() && name.indexOf(':') < 0) {
            return false;
        }
        try {
            return InetAddress.ofLiteral(name).getHostAddress().indexOf('%') < 0;
        } catch (IllegalArgumentException e) {
            return false;
        }
    }
}
