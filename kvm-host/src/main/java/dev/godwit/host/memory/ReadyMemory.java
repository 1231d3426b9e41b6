package dev.godwit.host.memory;

import dev.godwit.bindings.linux.Errno;
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
 * <p>Pages leave at the end of what is ready, and are moved, not copied: two microseconds or so for each 2 MiB. The guest's
 * RAM stays in the mappings that it has.
 *
 * <p>Threading: any thread.
 *
 * <p>Source: {@code Documentation/admin-guide/mm/userfaultfd.rst}, {@code UFFDIO_MOVE}.
 */
public final class ReadyMemory implements AutoCloseable {
    /** So long after the host had no large page to give it is not asked for one. */
    private static final long PAUSE_NANOS = 5_000_000_000L;

    /** How often a move is tried while the kernel says that something is just changing. */
    private static final int TRIES = 100;

    /** Chunks that are populated between two looks whether they are large pages: 64 MiB. */
    private static final int STRETCH = 32;

    private final GuestMemory memory;
    private final Userfault mover;
    private final long chunks;
    private long ready;
    private long notBefore = System.nanoTime();
    private boolean closed;

    /**
     * Nothing is ready yet.
     *
     * @param bytes what is wanted, a positive multiple of 2 MiB
     * @throws GuestMemoryException when that is no such number, or this host cannot move pages: see
     *     {@link Userfault#moveProblem}
     * @throws SystemCallException when the host refuses
     */
    public ReadyMemory(long bytes) {
        if (bytes % PageSize.LARGE != 0) {
            throw new GuestMemoryException("ready memory is a multiple of 2 MiB, not " + bytes + " bytes");
        }
        Userfault.moveProblem().ifPresent(why -> {
            throw new GuestMemoryException("no memory can be ready for guests: " + why);
        });
        this.mover = Userfault.open();
        try {
            this.memory = GuestMemory.allocate(bytes, LargePages.THP);
        } catch (RuntimeException | Error e) {
            mover.close();
            throw e;
        }
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
            memory.touchLarge(chunk * PageSize.SMALL_PER_LARGE);
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
     * Puts what is ready behind chunks of a guest's RAM of which nothing is there yet; the guest does not run, and nobody
     * else touches its RAM. Those that are not whole, or for which nothing is ready, are left as they are.
     *
     * @param wanted numbers of chunks of 2 MiB
     * @return how many have been backed
     */
    public synchronized long moveInto(GuestMemory guest, PageSet wanted) {
        long whole = Math.min(wanted.pages(), guest.size() / PageSize.LARGE);
        if (closed || ready == 0 || guest.largePages() != LargePages.THP) {
            return 0;
        }
        if (!watch(guest)) {
            return 0;
        }
        long backed = 0;
        try {
            for (long chunk = wanted.next(0, whole); chunk < whole && ready > 0; ) {
                backed += move(guest, chunk) ? 1 : 0;
                chunk = wanted.next(chunk + 1, whole);
            }
        } finally {
            mover.unregister(guest.hva(), guest.size());
        }
        return backed;
    }

    /** False when the host does not let pages be moved there just now: the guest does without. */
    private boolean watch(GuestMemory guest) {
        try {
            mover.register(guest.hva(), guest.size());
            return true;
        } catch (SystemCallException e) {
            return false;
        }
    }

    /**
     * A chunk of which the guest has something stays as it is there. What was meant for it may have been split by the
     * kernel in the attempt, and is made ready anew.
     */
    private boolean move(GuestMemory guest, long chunk) {
        long from = memory.hva() + (ready - 1) * PageSize.LARGE;
        long to = guest.hva() + chunk * PageSize.LARGE;
        long moved = -Errno.EAGAIN;
        for (int i = 0; i < TRIES && moved == -Errno.EAGAIN; i++) {
            moved = mover.move(to, from, PageSize.LARGE);
        }
        if (moved < PageSize.LARGE) {
            forget(ready - 1, ready);
        }
        ready--;
        return moved == PageSize.LARGE;
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
            mover.close();
            memory.close();
        }
    }
}
