package dev.godwit.host.device;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Objects;

/**
 * Copies a serial log to a stream as it grows, on a thread of its own, so that a slow stream never holds up the guest.
 *
 * <p>Where the stream falls behind by more than the log keeps, a line says how many bytes are missing. A stream that fails
 * ends the copying, and nothing else.
 */
public final class SerialTee implements AutoCloseable {
    private static final int CHUNK = 64 * 1024;
    private static final Duration FOREVER = Duration.ofDays(10_000);

    private final SerialLog log;
    private final OutputStream out;
    private final Thread thread;
    private volatile boolean closing;

    private SerialTee(SerialLog log, OutputStream out, long fromOffset) {
        this.log = Objects.requireNonNull(log);
        this.out = Objects.requireNonNull(out);
        this.thread = Thread.ofPlatform().daemon().name("serial-tee").unstarted(() -> run(fromOffset));
    }

    /**
     * Starts copying.
     *
     * @param fromOffset where in the log; 0 for all there is
     * @param out flushed after each write, never closed
     */
    public static SerialTee start(SerialLog log, long fromOffset, OutputStream out) {
        SerialTee tee = new SerialTee(log, out, fromOffset);
        tee.thread.start();
        return tee;
    }

    /** Writes what the log holds by now, then stops. Waits for the stream as long as it takes, or until interrupted. */
    @Override
    public void close() {
        closing = true;
        log.wake();
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void run(long fromOffset) {
        long offset = fromOffset;
        try {
            while (true) {
                // Read before the log: what was appended before close() is then copied.
                boolean last = closing || log.ended();
                SerialLog.Chunk chunk = log.read(offset, CHUNK);
                if (chunk.offset() > offset) {
                    out.write(("\n[" + (chunk.offset() - offset) + " bytes of serial output lost]\n")
                            .getBytes(StandardCharsets.US_ASCII));
                }
                offset = chunk.next();
                if (chunk.bytes().length > 0) {
                    out.write(chunk.bytes());
                    out.flush();
                } else if (last) {
                    return;
                } else {
                    log.awaitMore(offset, FOREVER, () -> closing);
                }
            }
        } catch (IOException e) {
            // The reader of a foreground run has gone (a closed pipe); the guest runs on.
            closing = true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
