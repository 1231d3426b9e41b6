package dev.godwit.host.device;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.function.BooleanSupplier;

/**
 * The last part of what a guest wrote to its serial port, by absolute offset from the guest's start.
 *
 * <p>Thread-safe. Memory is bounded: it doubles from 4 KiB up to the capacity, then the oldest bytes go. {@link #append}
 * allocates only when it doubles and never waits for a reader; a reader that is too slow misses bytes and sees from the
 * offsets how many.
 *
 * <p>State, version 1: i64 offset past the last byte, i32 count, then that many bytes. It moves with the guest, so offsets
 * stay valid across a migration.
 */
public final class SerialLog implements Stateful {
    /** Bytes kept by default. */
    public static final int DEFAULT_CAPACITY = 1 << 20;

    private static final int INITIAL_CAPACITY = 4096;

    private final int capacity;
    private byte[] ring;
    private int head; // index of the oldest byte
    private int count;
    private long end; // absolute offset past the newest byte
    private int waiters;
    private boolean ended;

    /**
     * A part of the log.
     *
     * @param offset absolute offset of the first byte; later than asked for when the bytes in between are gone
     * @param bytes the bytes, the caller's own
     */
    @SuppressWarnings("ArrayRecordComponent") // a plain carrier, never compared
    public record Chunk(long offset, byte[] bytes) {
        /** Where to read on. */
        public long next() {
            return offset + bytes.length;
        }
    }

    /** A log that keeps {@link #DEFAULT_CAPACITY} bytes. */
    public SerialLog() {
        this(DEFAULT_CAPACITY);
    }

    /**
     * A log that keeps so many bytes.
     *
     * @throws IllegalArgumentException if that is less than 1
     */
    public SerialLog(int capacity) {
        if (capacity < 1) {
            throw new IllegalArgumentException("a serial log of " + capacity + " bytes");
        }
        this.capacity = capacity;
        this.ring = new byte[Math.min(INITIAL_CAPACITY, capacity)];
    }

    /** Adds a byte; the oldest goes if the log is full. */
    public synchronized void append(byte value) {
        if (count == ring.length && count < capacity) {
            grow();
        }
        if (count == ring.length) {
            ring[head] = value;
            head = head + 1 == ring.length ? 0 : head + 1;
        } else {
            int at = head + count;
            ring[at < ring.length ? at : at - ring.length] = value;
            count++;
        }
        end++;
        if (waiters > 0) {
            notifyAll();
        }
    }

    /** Offset of the oldest byte still here. */
    public synchronized long startOffset() {
        return end - count;
    }

    /** Offset past the newest byte: how many the guest has written in its life. */
    public synchronized long endOffset() {
        return end;
    }

    /**
     * Reads a part of the log.
     *
     * @param fromOffset where to start, clamped to what is here
     * @param maxBytes at most so many
     * @return an empty chunk if there is nothing at that offset yet
     */
    public synchronized Chunk read(long fromOffset, int maxBytes) {
        long from = Math.clamp(fromOffset, end - count, end);
        byte[] bytes = new byte[(int) Math.min(end - from, Math.max(maxBytes, 0))];
        copy((int) (from - (end - count)), bytes);
        return new Chunk(from, bytes);
    }

    /**
     * Waits until there is a byte at or after the offset.
     *
     * @return true if there is; false after the timeout, or once the log has ended
     */
    public boolean awaitMore(long offset, Duration timeout) throws InterruptedException {
        return awaitMore(offset, timeout, () -> false);
    }

    /** As above, and also returns, soon after {@link #wake}, when the condition holds. */
    synchronized boolean awaitMore(long offset, Duration timeout, BooleanSupplier giveUp) throws InterruptedException {
        long nanos = nanosOf(timeout);
        long start = System.nanoTime();
        waiters++;
        try {
            while (end <= offset && !ended && !giveUp.getAsBoolean()) {
                long left = nanos - (System.nanoTime() - start);
                if (left <= 0) {
                    break;
                }
                wait(left / 1_000_000, (int) (left % 1_000_000));
            }
        } finally {
            waiters--;
        }
        return end > offset;
    }

    /** Says that the guest is gone and nothing follows: wakes all waiters. Appending still works, and is pointless. */
    public synchronized void end() {
        ended = true;
        notifyAll();
    }

    /** Whether {@link #end} was called. */
    public synchronized boolean ended() {
        return ended;
    }

    synchronized void wake() {
        notifyAll();
    }

    @Override
    public String stateName() {
        return "serial-log";
    }

    @Override
    public int stateVersion() {
        return 1;
    }

    @Override
    public synchronized byte[] saveState() {
        byte[] kept = new byte[count];
        copy(0, kept);
        return ByteBuffer.allocate(Long.BYTES + Integer.BYTES + count)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(end)
                .putInt(count)
                .put(kept)
                .array();
    }

    /** Takes over a log; if it is longer than this one's capacity, its last part. */
    @Override
    public synchronized void restoreState(int version, byte[] state) {
        StateReader in = new StateReader(stateName(), version, stateVersion(), state);
        long newEnd = in.checked("end offset", in.i64("end offset"), 0, Long.MAX_VALUE / 2);
        int length = (int) in.checked("length", in.i32("length"), 0, newEnd);
        byte[] bytes = in.bytes("log", length);
        in.end();
        int kept = Math.min(length, capacity);
        ring = new byte[Math.max(kept, Math.min(INITIAL_CAPACITY, capacity))];
        System.arraycopy(bytes, length - kept, ring, 0, kept);
        head = 0;
        count = kept;
        end = newEnd;
        notifyAll();
    }

    private void copy(int fromOldest, byte[] into) {
        int at = head + fromOldest;
        if (at >= ring.length) {
            at -= ring.length;
        }
        int first = Math.min(into.length, ring.length - at);
        System.arraycopy(ring, at, into, 0, first);
        System.arraycopy(ring, 0, into, first, into.length - first);
    }

    private void grow() {
        byte[] larger = new byte[(int) Math.min(capacity, 2L * ring.length)];
        System.arraycopy(ring, head, larger, 0, ring.length - head);
        System.arraycopy(ring, 0, larger, ring.length - head, head);
        ring = larger;
        head = 0;
    }

    private static long nanosOf(Duration timeout) {
        // A quarter of the range keeps "forever" clear of overflow.
        Duration most = Duration.ofNanos(Long.MAX_VALUE / 4);
        return timeout.compareTo(most) > 0 ? most.toNanos() : timeout.toNanos();
    }
}
