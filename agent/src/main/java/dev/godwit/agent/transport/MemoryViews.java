package dev.godwit.agent.transport;

import dev.godwit.bindings.linux.GatherMessage;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;

/**
 * Ranges of raw memory as the byte buffers that an {@code SSLEngine} takes, without a new buffer for each: a buffer
 * covers a window of a gigabyte of addresses, and only its position and limit are set.
 *
 * <p>Threading: one thread at a time.
 *
 * <p>Safety: the caller answers for the addresses, as with {@link GatherMessage}; nothing outside a range is touched.
 */
final class MemoryViews {
    /** Ranges in one call; a record of whole pages has five. */
    private static final int MOST = 8;

    private static final long WINDOW = 1L << 30;

    /** The first {@link #count} are in use, the others as they were left. */
    private final ByteBuffer[] windows = new ByteBuffer[MOST];

    private final long[] bases = new long[MOST];
    private final ByteBuffer[] views = new ByteBuffer[MOST + 1];
    private final int bytesMost;
    private int count;

    /**
     * No views yet.
     *
     * @param bytesMost the most bytes of all views together
     */
    MemoryViews(int bytesMost) {
        this.bytesMost = bytesMost;
    }

    /** No views; those of before are void. */
    void none() {
        count = 0;
    }

    /** Views of the first bytes of a range; those of before are void. */
    void of(long address, long length) {
        count = 0;
        add(address, (int) Math.min(length, bytesMost));
    }

    /** Views of the first bytes of a message; those of before are void. */
    void of(GatherMessage message) {
        count = 0;
        int room = bytesMost;
        int ranges = Math.min(message.count(), MOST);
        for (int i = 0; i < ranges && room > 0; i++) {
            int length = (int) Math.min(message.length(i), room);
            add(message.address(i), length);
            room -= length;
        }
    }

    private void add(long address, int length) {
        long base = address & -WINDOW;
        int found = count;
        while (found < MOST - 1 && (windows[found] == null || bases[found] != base)) {
            found++;
        }
        ByteBuffer window = windows[found];
        if (window == null || bases[found] != base) {
            window = window(base);
        }
        windows[found] = windows[count];
        bases[found] = bases[count];
        windows[count] = window;
        bases[count] = base;
        int from = (int) (address - base);
        views[count] = window.limit(from + length).position(from);
        count++;
    }

    @SuppressWarnings("restricted") // as the addresses of a message
    private ByteBuffer window(long base) {
        return MemorySegment.ofAddress(base).reinterpret(WINDOW + bytesMost).asByteBuffer();
    }

    /** The views, in order, and after them {@code last}. */
    ByteBuffer[] followedBy(ByteBuffer last) {
        views[count] = last;
        return views;
    }

    /** The views, in order, in the first {@link #count} places. */
    ByteBuffer[] buffers() {
        return views;
    }

    int count() {
        return count;
    }
}
