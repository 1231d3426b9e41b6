package dev.godwit.bindings.linux;

/**
 * The request of TCP sockets, for {@link Ioctl}.
 *
 * <p>Source: {@code include/uapi/linux/sockios.h}, {@code tcp(7)}.
 */
public final class SocketIoctl {
    /** How many bytes are not acknowledged, unsent ones included. */
    public static final long SIOCOUTQ = 0x5411;

    private SocketIoctl() {}
}
