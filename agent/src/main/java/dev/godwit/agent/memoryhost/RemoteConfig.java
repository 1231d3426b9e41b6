package dev.godwit.agent.memoryhost;

import dev.godwit.host.memory.PageSize;
import java.net.InetSocketAddress;
import java.util.UUID;

/**
 * Where the part of a guest's memory is that is not with the guest.
 *
 * @param host the memory host, by the name or address it was given: off the loopback its certificate names it so
 * @param port where it serves pages
 * @param region the guest's pages there
 * @param localBytes about how much of its memory the guest may have on its own host, at least {@link #LEAST_LOCAL}
 */
public record RemoteConfig(String host, int port, UUID region, long localBytes) {
    /** With less a guest would do nothing but wait for pages. */
    public static final long LEAST_LOCAL = 16L << 20;

    public RemoteConfig {
        if (localBytes < LEAST_LOCAL) {
            throw new IllegalArgumentException("a guest keeps at least 16 MiB of its memory, not " + localBytes
                    + " bytes; a larger --local is needed");
        }
    }

    InetSocketAddress address() {
        return new InetSocketAddress(host, port);
    }

    /** {@code host:port}, for people. */
    public String at() {
        return (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + port;
    }

    /** What a guest with so much RAM takes of its own host, in bytes, while it does not move. */
    public long hostBytes(long ram) {
        long all = PageSize.pagesIn(ram);
        return Math.min(ram, Allowance.most(Allowance.given(this, all), all) << PageSize.SMALL_SHIFT);
    }
}
