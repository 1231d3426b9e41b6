package dev.godwit.host.device;

import java.util.Objects;

/**
 * The exit port, compatible with QEMU's {@code isa-debug-exit,iobase=0xf4}: a write of 1, 2 or 4 bytes ends the guest.
 *
 * <p>It has no state of its own: a machine whose guest has exited does not migrate.
 */
public final class ExitDevice implements PortDevice {
    /** Where it sits. */
    public static final int PORT = 0xf4;

    /** Ports it claims; wider writes to {@link #PORT} reach it all the same. */
    public static final int LENGTH = 1;

    private final GuestStop stop;

    /** An exit device that reports to the given machine. */
    public ExitDevice(GuestStop stop) {
        this.stop = Objects.requireNonNull(stop);
    }

    /** The process exit status that QEMU derives from a value written to the port. */
    public static int exitStatus(int value) {
        return (value << 1) | 1;
    }

    @Override
    public int read(int offset, int size) {
        return 0;
    }

    @Override
    public void write(int offset, int size, int value) {
        stop.stop(GuestStop.Reason.EXIT, value);
    }
}
