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

    Arming(GuestMemory memory, GuestMemory staging, Userfault userfault, Shuttle shuttle, Chunks chunks) {
        this.memory = memory;
        this.staging = staging;
        this.userfault = userfault;
        this.shuttle = shuttle;
        this.chunks = chunks;
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

    private boolean lacksNone(int chunk, PageSet absent) {
        return absent.next(chunks.first(chunk), chunks.end(chunk)) == chunks.end(chunk);
    }

    private void takeAside(PageSet absent) {
        for (int chunk = 0; chunk < chunks.count(); ) {
            long first = chunks.first(chunk);
            int stop = chunk + 1;
            if (lacksNone(chunk, absent)) {
                chunk = stop;
                continue;
            }
            long gone = absent.nextAbsent(first, memory.pages());
            if (gone < chunks.end(chunk)) {
                shuttle.out(first, chunks.end(chunk));
            } else {
                // All that lack everything in one call.
                stop = gone == memory.pages() ? chunks.count() : Chunks.of(gone);
                shuttle.forget(first, chunks.end(stop - 1));
            }
            for (; chunk < stop; chunk++) {
                chunks.isAside(chunk, absent);
            }
        }
    }
}
