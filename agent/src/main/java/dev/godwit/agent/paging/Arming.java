package dev.godwit.agent.paging;

import dev.godwit.bindings.linux.SystemCallException;
import dev.godwit.host.memory.Backing;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.Userfault;
import java.lang.foreign.Arena;

/**
 * How the chunks that lack a page are hidden before the guest runs: from then on each touch of them is a fault. Whatever
 * stale content the guest's memory has in place of pages that are elsewhere goes aside with the rest, and is never looked
 * at.
 *
 * <p>Either all the memory goes aside by one system call, or each of those chunks by one of its own; of those that lack
 * everything only large pages do, neighbours together, and the rest is given back.
 *
 * <p>Threading: one thread; the guest is paused, and nobody looks at a chunk.
 */
final class Arming {
    private final GuestMemory memory;
    private final GuestMemory staging;
    private final Userfault userfault;
    private final Shuttle shuttle;
    private final Chunks chunks;
    private final boolean stays;

    /**
     * Of one guest.
     *
     * @param stays whether some of what is elsewhere is to stay there: then memory of chunks that lack everything is given
     *     back, unless all goes aside
     */
    Arming(
            GuestMemory memory,
            GuestMemory staging,
            Userfault userfault,
            Shuttle shuttle,
            Chunks chunks,
            boolean stays) {
        this.memory = memory;
        this.staging = staging;
        this.userfault = userfault;
        this.shuttle = shuttle;
        this.chunks = chunks;
        this.stays = stays;
    }

    /**
     * Hides the chunks that lack a page, at least, and watches all the memory from then on.
     *
     * @param absent the pages that the map says are elsewhere
     */
    void hide(PageSet absent) {
        // Before Linux 6.17 one mremap takes one mapping.
        if (!memory.isReserved() && memory.isOneMapping() && isMost(absent) && shuttle.allOut(end())) {
            chunks.areAside(0, chunks.count(), absent);
            userfault.register(memory.hva(), memory.size());
        } else {
            userfault.register(memory.hva(), memory.size());
            userfault.register(staging.hva(), staging.size());
            takeAside(absent);
            // Stores fill it by ordinary writes.
            userfault.unregister(staging.hva(), staging.size());
        }
    }

    /** Up to where the guest may have anything. */
    private long end() {
        try {
            return Backing.end(memory);
        } catch (SystemCallException e) {
            return memory.pages();
        }
    }

    /** Whether most chunks lack a page: then it is quicker to take all aside, and to let those that do not back in. */
    private boolean isMost(PageSet absent) {
        int most = chunks.count() / 2;
        int some = 0;
        for (int chunk = 0; chunk < chunks.count() && some <= most; chunk++) {
            some += lacksNone(chunk, absent) ? 0 : 1;
        }
        return some > most;
    }

    private void takeAside(PageSet absent) {
        try (Arena own = Arena.ofConfined()) {
            PageSet kept = worthKeeping(own, absent);
            for (int chunk = 0, stop; chunk < chunks.count(); chunk = stop) {
                stop = chunk + 1;
                if (lacksNone(chunk, absent)) {
                    continue;
                }
                if (lacksAll(chunk, absent)) {
                    stop = endOfStale(chunk, absent, kept);
                    takeStale(chunks.first(chunk), chunks.end(stop - 1), kept.contains(chunk));
                } else {
                    shuttle.out(chunks.first(chunk), chunks.end(chunk));
                }
                chunks.areAside(chunk, stop, absent);
            }
        }
    }

    /** The chunk after the last of those neighbours that lack everything, too, and are kept or not as this one. */
    private int endOfStale(int chunk, PageSet absent, PageSet kept) {
        int stop = chunk + 1;
        while (stop < chunks.count() && lacksAll(stop, absent) && kept.contains(stop) == kept.contains(chunk)) {
            stop++;
        }
        return stop;
    }

    /**
     * The chunks that lack everything and are large pages. What is to come there finds them aside: they would have to be got
     * and cleared again, while the guest waits. Anything smaller takes as long to move, and a large page is better.
     */
    private PageSet worthKeeping(Arena own, PageSet absent) {
        PageSet kept = Backing.emptyChunks(own, memory);
        if (stays || memory.largePages() != LargePages.THP) {
            return kept;
        }
        for (int chunk = 0; chunk < chunks.count(); chunk++) {
            if (lacksAll(chunk, absent)) {
                addLarge(own, kept);
                break;
            }
        }
        return kept;
    }

    private void addLarge(Arena own, PageSet kept) {
        try {
            kept.addAll(Backing.scan(own, memory).largeChunks());
        } catch (SystemCallException e) {
            // None is kept: it only takes longer.
        }
    }

    /** Takes away memory that has nothing of the guest, many chunks in one call. */
    private void takeStale(long first, long end, boolean keep) {
        if (!keep) {
            shuttle.forget(first, end);
            return;
        }
        for (long page = shuttle.tryOut(first, end); page < end; page = shuttle.tryOut(page, end)) {
            // The kernel is just using a page of this chunk.
            long stop = chunks.end(Chunks.of(page));
            shuttle.forget(page, stop);
            page = stop;
        }
    }

    private boolean lacksNone(int chunk, PageSet absent) {
        return absent.next(chunks.first(chunk), chunks.end(chunk)) == chunks.end(chunk);
    }

    private boolean lacksAll(int chunk, PageSet absent) {
        return absent.nextAbsent(chunks.first(chunk), chunks.end(chunk)) == chunks.end(chunk);
    }
}
