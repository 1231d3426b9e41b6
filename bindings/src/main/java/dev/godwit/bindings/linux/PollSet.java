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
    private final long address;
    private final MemorySegment capture;
    /** One for each place: to cut it out each time would allocate, until Java has compiled that. */
    private final MemorySegment[] entries;

    /**
     * A set of {@code count} places, all empty.
     *
     * @param arena owns the memory
     */
    public PollSet(Arena arena, int count) {
        MemorySegment all = arena.allocate(pollfd.layout(), count);
        this.address = all.address();
        this.capture = ErrnoCapture.ofThread();
        this.entries = new MemorySegment[count];
        for (int i = 0; i < count; i++) {
            entries[i] = pollfd.asSlice(all, i);
            pollfd.events(entries[i], (short) EventCalls.POLLIN);
            set(i, -1);
        }
    }

    /** Puts a descriptor in place {@code index}; -1 empties it. */
    public void set(int index, int fd) {
        pollfd.fd(entries[index], fd);
    }

    /**
     * Waits until one is readable, has ended or is broken.
     *
     * @param timeoutMillis -1 waits for ever, 0 does not wait
     * @return how many are, 0 after the time or a signal, or {@code -errno}
     */
    public int await(int timeoutMillis) {
        int ready = EventCalls.poll(capture, address, entries.length, timeoutMillis);
        return ready == -Errno.EINTR ? 0 : ready;
    }

    /** After {@link #await}: whether it was this one, or one of those. */
    public boolean isReady(int index) {
        return pollfd.revents(entries[index]) != 0;
    }
}
