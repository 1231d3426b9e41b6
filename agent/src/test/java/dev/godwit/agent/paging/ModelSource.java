package dev.godwit.agent.paging;

import dev.godwit.host.memory.PageSize;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * A migration source of {@link PagerModelTest}: has what a guest had when it left, and delivers on the test's thread, into
 * staging memory or with the content at hand, also what has come long ago.
 */
final class ModelSource implements PageStore, AutoCloseable {
    private final Arena arena = Arena.ofShared();
    private final MemorySegment content = arena.allocate(PageSize.LARGE, 4096);
    private final long[] words;
    private final boolean[] following;
    private final List<ModelStore.Wanted> wanted = new ArrayList<>();

    /**
     * @param words of all the guest's pages
     * @param following those of them that are here
     */
    ModelSource(long[] words, boolean[] following) {
        this.words = words;
        this.following = following;
    }

    long word(long page, int which) {
        return words[(int) page * ModelHost.WORDS + which];
    }

    /** Whether the page was here when the guest left. */
    boolean has(long page) {
        return following[(int) page];
    }

    @Override
    public synchronized void request(long first, int count) {
        wanted.add(new ModelStore.Wanted(first, count));
    }

    synchronized ModelStore.Wanted takeRequest(int number) {
        return wanted.isEmpty() ? null : wanted.remove(number % wanted.size());
    }

    /** Delivers pages of one chunk with the content at hand. */
    void deliver(Pager to, long first, int count) {
        for (int i = 0; i < count; i++) {
            for (int which = 0; which < ModelHost.WORDS; which++) {
                content.set(
                        ValueLayout.JAVA_LONG,
                        i * (long) PageSize.SMALL + which * (PageSize.SMALL - 8L),
                        word(first + i, which));
            }
        }
        to.arrived(Place.AT_SOURCE, first, count, content);
    }

    /** Delivers pages of one chunk into staging memory, also those that have come: only as long as no page can leave. */
    void push(Pager to, long first, int count, boolean ahead) {
        for (long page = first; page < first + count; page++) {
            if (has(page)) {
                for (int which = 0; which < ModelHost.WORDS; which++) {
                    ModelHost.write(to.staging(), page, which, word(page, which));
                }
                to.arrived(Place.AT_SOURCE, page, 1, ahead);
            }
        }
    }

    @Override
    public void close() {
        arena.close();
    }
}
