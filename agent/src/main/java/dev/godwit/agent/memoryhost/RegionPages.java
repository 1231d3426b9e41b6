package dev.godwit.agent.memoryhost;

import dev.godwit.agent.stream.PagesHead;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The pages of a region: which are held, and that they are no more than were reserved.
 *
 * <p>Threading: one thread stores ({@link #prepare}, then {@link #stored} or {@link #undo}); others may look meanwhile.
 * {@link #close} when none does any more.
 */
final class RegionPages implements AutoCloseable {
    private static final int CHUNK_WORDS = PageSize.SMALL_PER_LARGE / Long.SIZE;

    private final Arena arena = Arena.ofShared();
    private final RegionMemory memory;
    private final long reserved;
    private final PageSet held; // guarded by this; changed by the thread that stores
    private long heldCount;

    /** No page is held. */
    RegionPages(RegionMemory memory, long pages, long reserved) {
        this.memory = memory;
        this.reserved = reserved;
        this.held = new PageSet(arena, pages);
    }

    /** The pages of a file that was there. */
    static RegionPages found(FileMemory file, long pages, long reserved) throws IOException, TransportException {
        RegionPages found = new RegionPages(file, pages, reserved);
        try {
            file.findHeld(found.held);
            found.heldCount = found.held.cardinality();
            return found;
        } catch (IOException | RuntimeException | Error e) {
            found.arena.close();
            throw e;
        }
    }

    MemorySegment segment() {
        return memory.segment();
    }

    /** Pages are about to be read; from any thread. */
    void willRead(long first, long count) {
        memory.willRead(first, count);
    }

    /** Pages of guest RAM. */
    long pages() {
        return held.pages();
    }

    /** Pages held now; also after {@link #close}. */
    synchronized long heldCount() {
        return heldCount;
    }

    /** Copies which pages of a chunk are held. */
    synchronized void copyHeld(long chunk, PageSet into) {
        long first = chunk * CHUNK_WORDS;
        for (long i = first, end = Math.min(first + CHUNK_WORDS, held.wordCount()); i < end; i++) {
            into.setWord(i, held.word(i));
        }
    }

    /**
     * Makes room for a frame's content.
     *
     * @return false when there is none; nothing has changed then
     */
    boolean prepare(PagesHead frame) throws TransportException {
        if (!fits(frame)) {
            return false;
        }
        for (int i = 0, runs = frame.runs(); i < runs; i++) {
            long first = frame.runFirst(i);
            long count = frame.runPages(i);
            boolean fresh = frame.isContent(i) && held.nextAbsent(first, first + count) < first + count;
            if (fresh && !memory.allocate(first, count)) {
                undo(frame);
                return false;
            }
        }
        return true;
    }

    private synchronized boolean fits(PagesHead frame) {
        long fresh = 0;
        long freed = 0;
        for (int i = 0, runs = frame.runs(); i < runs; i++) {
            long first = frame.runFirst(i);
            long end = first + frame.runPages(i);
            if (frame.isContent(i)) {
                fresh += end - first - held.cardinality(first, end);
            } else {
                freed += held.cardinality(first, end);
            }
        }
        return fresh == 0 || heldCount - freed + fresh <= reserved;
    }

    /** A frame that was prepared has come: its content is held from now on, and its zero pages no more. */
    void stored(PagesHead frame) throws TransportException {
        for (int i = 0, runs = frame.runs(); i < runs; i++) {
            long first = frame.runFirst(i);
            long count = frame.runPages(i);
            if (frame.isContent(i)) {
                synchronized (this) {
                    heldCount += count - held.cardinality(first, first + count);
                    held.addRange(first, count);
                }
            } else {
                drop(first, first + count);
            }
        }
    }

    private void drop(long first, long end) throws TransportException {
        for (long at = held.next(first, end); at < end; at = held.next(at, end)) {
            long stop = held.nextAbsent(at, end);
            synchronized (this) {
                held.removeRange(at, stop - at);
                heldCount -= stop - at;
            }
            memory.drop(at, stop - at);
            at = stop;
        }
    }

    /** A frame that was prepared did not come as a whole: what was taken for it is given back. */
    void undo(PagesHead frame) throws TransportException {
        for (int i = 0, runs = frame.runs(); i < runs; i++) {
            if (frame.isContent(i)) {
                dropAbsent(frame.runFirst(i), frame.runFirst(i) + frame.runPages(i));
            }
        }
    }

    private void dropAbsent(long first, long end) throws TransportException {
        for (long at = held.nextAbsent(first, end); at < end; at = held.nextAbsent(at, end)) {
            long stop = held.next(at, end);
            memory.drop(at, stop - at);
            at = stop;
        }
    }

    void sync() throws TransportException {
        memory.sync();
    }

    @Override
    public void close() {
        memory.close();
        arena.close();
    }
}
