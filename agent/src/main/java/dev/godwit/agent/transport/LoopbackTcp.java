package dev.godwit.agent.transport;

import dev.godwit.bindings.linux.SocketCalls;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;

/**
 * Within one host there is no path to be probed or shared: congestion control that paces (bbr, the default of some hosts)
 * only costs there, on the development machine more than half of the throughput.
 */
public final class LoopbackTcp {
    private static final String PLAIN = "cubic";

    private LoopbackTcp() {}

    /** Takes plain congestion control for a socket whose peer is on this host; a kernel without it keeps its default. */
    public static void tune(int fd) {
        try (Arena arena = Arena.ofConfined()) {
            SocketCalls.setsockopt(
                    fd,
                    SocketCalls.IPPROTO_TCP,
                    SocketCalls.TCP_CONGESTION,
                    arena.allocateFrom(PLAIN, StandardCharsets.US_ASCII));
        }
    }
}
