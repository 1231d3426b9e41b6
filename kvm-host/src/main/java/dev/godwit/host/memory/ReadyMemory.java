package dev.godwit.host.memory;

import dev.godwit.bindings.linux.MemoryCalls;
import dev.godwit.bindings.linux.SystemCallException;
import java.lang.foreign.Arena;

/**
 * Large pages of zeros that are there before the guests who need them: what is put behind guest RAM from here has not to
 * be found, cleared and mapped while its content arrives, which takes as long as the content itself, and ten times as long
 * where the host is itself a guest whose free memory has been taken back.
 *
 * <pre>
 *   │ ready: large pages │ wanted: nothing there yet │
 *   0                  ready                      bytes
 * </pre>
 *
 * <p>Pages leave at the end of what is ready, by moving page tables: a microsecond or so for each 2 MiB.
 *
 * <p>Threading: any thread.
 *
 * <p>Source: {@code mremap(2)}.
 */
public final class ReadyMemory implements AutoCloseable {
    /** So long after the host had no large page to give it is not asked for one. */
    private static final long PAUSE_NANOS = 5_000_000_000L;

    /** Chunks that are populated between two looks whether they are large pages: 64 MiB. */
    private static final int STRETCH = 32;

    private static final int MOVE =
            MemoryCalls.MREMAP_MAYMOVE | MemoryCalls.MREMAP_FIXED | MemoryCalls.MREMAP_DONTUNMAP;

    private final GuestMemory memory;
    private final long chunks;
    private long ready;
    private long notBefore = System.nanoTime();
    private boolean closed;

    /**
     * Nothing is ready yet.
     *
     * @param bytes what is wanted, a positive multiple of 2 MiB
     * @throws GuestMemoryException when that is no such number
     */
    public ReadyMemory(long bytes) {
        if (bytes % PageSize.LARGE != 0) {
            throw new GuestMemoryException("ready memory is a multiple of 2 MiB, not " + bytes + " bytes");
        }
        this.memory = GuestMemory.allocate(bytes, LargePages.THP);
        this.chunks = bytes / PageSize.LARGE;
    }

    /** Bytes that are ready. */
    public synchronized long bytes() {
        return ready * PageSize.LARGE;
    }

    /** Bytes that one {@link #fill} takes from the host at most. */
    public synchronized long next() {
        return closed ? 0 : Math.min(STRETCH, chunks - ready) * PageSize.LARGE;
    }

    /** Whether the host had no large page to give when it was last asked. */
    public synchronized boolean isRefused() {
        return System.nanoTime() - notBefore < 0;
    }

    /** Bytes that are wanted and not ready. */
    public synchronized long missing() {
        return closed ? 0 : (chunks - ready) * PageSize.LARGE;
    }

    /**
     * Makes at most 64 MiB more ready; who takes some waits for that.
     *
     * @return whether it did; not when all is ready, or when the host has no large page to give
     */
    public synchronized boolean fill() {
        long end = Math.min(chunks, ready + STRETCH);
        if (closed || ready == end || System.nanoTime() - notBefore < 0) {
            return false;
        }
        for (long chunk = ready; chunk < end; chunk++) {
            memory.populateLarge(chunk * PageSize.SMALL_PER_LARGE);
        }
        long before = ready;
        try (Arena arena = Arena.ofConfined()) {
            PageSet large = Backing.scan(arena, memory).largeChunks();
            ready = large.nextAbsent(before, end);
        }
        forget(ready, end);
        if (ready < end) {
            notBefore = System.nanoTime() + PAUSE_NANOS;
        }
        return ready > before;
    }

    /**
     * Puts what is ready behind chunks of a guest's RAM of which nothing is there yet; the guest does not run.
     *
     * @param first the first chunk of 2 MiB
     * @param count how many; those that are not within the RAM, or for which nothing is ready, are left as they are
     * @return how many have been backed, the first ones
     * @throws SystemCallException when the host refuses; the guest's RAM may not be all mapped then
     */
    public synchronized long moveInto(GuestMemory guest, long first, long count) {
        long within = Math.min(count, guest.size() / PageSize.LARGE - first);
        long taken = Math.min(within, ready);
        if (first < 0 || taken <= 0 || guest.largePages() != LargePages.THP) {
            return 0;
        }
        long bytes = taken * PageSize.LARGE;
        long from = memory.hva() + (ready - taken) * PageSize.LARGE;
        long to = guest.hva() + first * PageSize.LARGE;
        // What was there may have been unmapped by a call that failed: such a guest is not to go on.
        SystemCallException.check(MemoryCalls.mremap(from, bytes, bytes, MOVE, to), "mremap of ready memory");
        ready -= taken;
        guest.gotMapping(bytes == guest.size());
        return taken;
    }

    /** Gives all that is ready back to the host. */
    public synchronized void release() {
        if (!closed) {
            forget(0, ready);
            ready = 0;
        }
    }

    private void forget(long first, long end) {
        if (end > first) {
            MemoryCalls.madvise(
                    memory.hva() + first * PageSize.LARGE, (end - first) * PageSize.LARGE, MemoryCalls.MADV_DONTNEED);
        }
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            ready = 0;
            memory.close();
        }
    }
}
