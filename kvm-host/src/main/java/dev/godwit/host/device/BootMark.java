package dev.godwit.host.device;

import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The port that guests write to with their first instructions, so that the time from start to guest code can be measured.
 *
 * <p>Remembers {@link System#nanoTime()} of the first write. Thread-safe, without allocation on the guest's side.
 */
public final class BootMark implements PortDevice {
    /** Where it sits. */
    public static final int PORT = 0xf8;

    /** Ports it claims. */
    public static final int LENGTH = 1;

    private static final long NEVER = Long.MIN_VALUE;

    private final AtomicLong firstWrite = new AtomicLong(NEVER);

    /** When the guest first wrote to the port, on the clock of {@link System#nanoTime()}; empty if it has not yet. */
    public OptionalLong firstWriteNanos() {
        long at = firstWrite.get();
        return at == NEVER ? OptionalLong.empty() : OptionalLong.of(at);
    }

    @Override
    public int read(int offset, int size) {
        return 0;
    }

    @Override
    public void write(int offset, int size, int value) {
        if (firstWrite.get() == NEVER) {
            firstWrite.compareAndSet(NEVER, System.nanoTime());
        }
    }
}
