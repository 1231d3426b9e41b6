package dev.godwit.agent.paging;

import dev.godwit.host.memory.Backing;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.memory.PageSet;
import java.lang.foreign.Arena;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/**
 * Makes large pages again of those chunks that were large pages where the guest comes from and went in by small ones,
 * while the guest runs.
 *
 * <p>Threading: one thread; takes the lock of each chunk.
 */
final class Collapser {
    /** How often it is tried, with a pause in between for what prevents it to pass. */
    private static final int TRIES = 8;

    private static final long AGAIN_NANOS = 20_000_000;

    private final GuestMemory memory;
    private final Chunks chunks;
    private final BooleanSupplier gone;

    /** @param gone whether the guest has ended, and its memory is not to be touched any more */
    Collapser(GuestMemory memory, Chunks chunks, BooleanSupplier gone) {
        this.memory = memory;
        this.chunks = chunks;
        this.gone = gone;
    }

    /** Makes large pages of these chunks, as far as all of them is here. */
    void makeLarge(PageSet large) {
        if (memory.largePages() == LargePages.THP) {
            for (int i = 0; i < TRIES && !collapse(large); i++) {
                LockSupport.parkNanos(AGAIN_NANOS);
            }
        }
    }

    /** Whether all were large pages before, or the guest is gone. */
    private boolean collapse(PageSet large) {
        boolean all = true;
        try (Arena own = Arena.ofShared()) {
            Backing backing = Backing.scan(own, memory);
            for (long chunk = large.next(0, large.pages());
                    chunk < large.pages();
                    chunk = large.next(chunk + 1, large.pages())) {
                if (!backing.largeChunks().contains(chunk)) {
                    synchronized (chunks.lockOf((int) chunk)) {
                        if (gone.getAsBoolean()) {
                            return true;
                        }
                        if (chunks.isComplete((int) chunk)) {
                            chunks.collapse((int) chunk);
                            all = false;
                        }
                    }
                }
            }
        }
        return all;
    }
}
