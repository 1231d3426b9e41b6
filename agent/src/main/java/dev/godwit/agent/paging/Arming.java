package dev.godwit.agent.paging;

import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.Userfault;

/**
 * How the chunks that lack a page are hidden before the guest runs: from then on each touch of them is a fault. Whatever
 * stale content the guest's memory has in place of pages that are elsewhere goes aside with the rest, and is never looked
 * at.
 *
 * <p>Either all the memory goes aside by one system call, or each of those chunks by one of its own.
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
     * @param stays whether some of what is elsewhere is to stay there: then its memory here is given back
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
        if (memory.isOneMapping() && isMost(absent) && shuttle.allOut()) {
            for (int chunk = 0; chunk < chunks.count(); chunk++) {
                chunks.isAside(chunk, absent);
            }
            userfault.register(memory.hva(), memory.size());
        } else if (shuttle.isHugetlb()) {
            takeAside(absent);
            // Not sooner: what is taken aside is read, and to read a page that is not there would wait for ever.
            userfault.register(memory.hva(), memory.size());
        } else {
            userfault.register(memory.hva(), memory.size());
            userfault.register(staging.hva(), staging.size());
            takeAside(absent);
            // Stores fill it by ordinary writes.
            userfault.unregister(staging.hva(), staging.size());
        }
    }

    /** Whether most chunks lack a page: then it is quicker to take all aside, and to let those that do not back in. */
    private boolean isMost(PageSet absent) {
        int some = 0;
        for (int chunk = 0; chunk < chunks.count(); chunk++) {
            some += lacksNone(chunk, absent) ? 0 : 1;
        }
        return some > chunks.count() / 2;
    }

    private void takeAside(PageSet absent) {
        for (int chunk = 0; chunk < chunks.count(); ) {
            if (lacksNone(chunk, absent)) {
                chunk++;
                continue;
            }
            int stop = chunk + 1;
            if (lacksAll(chunk, absent)) {
                while (stop < chunks.count() && lacksAll(stop, absent)) {
                    stop++;
                }
                takeStale(chunks.first(chunk), chunks.end(stop - 1));
            } else {
                shuttle.out(chunks.first(chunk), chunks.end(chunk));
            }
            for (; chunk < stop; chunk++) {
                chunks.isAside(chunk, absent);
            }
        }
    }

    /**
     * Takes away memory that has nothing of the guest, many chunks in one call. What is to come there soon finds it aside:
     * it would have to be got and cleared again, 2 MiB at a time, while the guest waits. Reserved large pages would be
     * copied.
     */
    private void takeStale(long first, long end) {
        if (stays || shuttle.isHugetlb()) {
            shuttle.forget(first, end);
        } else {
            shuttle.out(first, end);
        }
    }

    private boolean lacksNone(int chunk, PageSet absent) {
        return absent.next(chunks.first(chunk), chunks.end(chunk)) == chunks.end(chunk);
    }

    private boolean lacksAll(int chunk, PageSet absent) {
        return absent.nextAbsent(chunks.first(chunk), chunks.end(chunk)) == chunks.end(chunk);
    }
}
