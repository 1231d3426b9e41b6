package dev.godwit.bindings.linux;

import dev.godwit.bindings.linux.gen.pollfd;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A few descriptors that one thread waits on for input, again and again, without allocating.
 *
 * <p>Threading: one thread.
 *
 * <p>Source: {@code poll(2)}.
 */
public final class PollSet {
    private final MemorySegment entries;
    private final MemorySegment capture;
    private final int count;

    /**
     * A set of {@code count} places, all empty.
     *
     * @param arena owns the memory
     */
    public PollSet(Arena arena, int count) {
        this.entries = arena.allocate(pollfd.layout(), count);
        this.capture = ErrnoCapture.ofThread();
        this.count = count;
        for (int i = 0; i < count; i++) {
            set(i, -1);
        }
    }

    /** Puts a descriptor in place {@code index}; -1 empties it. */
    public void set(int index, int fd) {
        MemorySegment entry = pollfd.asSlice(entries, index);
        pollfd.fd(entry, fd);
        pollfd.events(entry, (short) EventCalls.POLLIN);
    }

    /**
     * Waits until one is readable, has ended or is broken.
     *
     * @param timeoutMillis -1 waits for ever, 0 does not wait
     * @return how many are, 0 after the time or a signal, or {@code -errno}
     */
    public int await(int timeoutMillis) {
        int ready = EventCalls.poll(capture, entries.address(), count, timeoutMillis);
        return ready == -Errno.EINTR ? 0 : ready;
    }

    /** After {@link #await}: whether it was this one, or one of those. */
    public boolean isReady(int index) {
        return pollfd.revents(pollfd.asSlice(entries, index)) != 0;
    }
}
