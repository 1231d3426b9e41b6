package dev.godwit.agent.stream;

import dev.godwit.agent.transport.ByteSource;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.bindings.linux.GatherMessage;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.LongPredicate;

/**
 * One data stream's receiving end: checks each frame, then lets the socket fill guest memory itself.
 *
 * <p>What arrives lands inside large pages: a chunk that its source backs by a large page is populated as one before the
 * first byte; a zero page is zeroed in place, never punched out.
 *
 * <p>Threading: one thread; different receivers work on different chunks within a round, and of what follows the
 * guest on different pages.
 */
public final class PageReceiver {
    private final ByteSource source;
    private final GuestMemory memory;
    /** Pages that hold content of the guest's; all others still are the zeros they were mapped with. Null if unknown. */
    private final PageSet written;

    /** Told of each run of pages, or null. */
    private final Arrivals arrivals;

    /** Whether pages of the chunk of a page are still wanted; null if all are. */
    private final LongPredicate wanted;

    /** Where all pages go instead of {@link #memory}, or null. */
    private final MemorySegment landing;

    private final Arena arena;
    /** Where those go that are not wanted; null before there are any. */
    private MemorySegment discarded;

    /** Where those of this frame go, or null. */
    private MemorySegment aside;

    private boolean late;

    private final PagesHead head;
    private final GatherMessage message;
    private final PageSet zeroChunks;
    private int round;
    /** Whether the head of a round's first frame is here, and the round still to be received. */
    private boolean awaited;

    /** Who hears of pages that have come. */
    public interface Arrivals {
        /**
         * So many pages from {@code first} on, within one chunk.
         *
         * @param content of these pages, where they came in
         * @param ahead whether the rest of the chunk comes much later
         */
        void arrived(long first, long count, MemorySegment content, boolean ahead);
    }

    /**
     * A receiver of precopy's rounds.
     *
     * @param zeroChunks takes the numbers of 2 MiB chunks that are large pages of zeros where they come from, and of
     *     which nothing is here: to be populated when there is time. Guarded by itself
     */
    public PageReceiver(Arena arena, ByteSource source, GuestMemory memory, PageSet written, PageSet zeroChunks) {
        this(arena, source, memory, written, null, null, null, 1, zeroChunks);
    }

    /**
     * A receiver of single frames, into {@code memory}.
     *
     * @param wanted whether the chunk of a page lacks anything still: what comes late is not worth a large page
     */
    public PageReceiver(
            Arena arena,
            ByteSource source,
            GuestMemory memory,
            PageSet written,
            LongPredicate wanted,
            Arrivals arrivals) {
        this(arena, source, memory, written, arrivals, null, wanted, PageFrame.AFTERWARDS, null);
    }

    /**
     * A receiver of single frames into memory of its own, which the next frame overwrites: whoever hears of them puts
     * them where they belong.
     *
     * @param memory whose pages they are; it is not touched
     */
    public static PageReceiver landing(Arena arena, ByteSource source, GuestMemory memory, Arrivals arrivals) {
        MemorySegment landing = arena.allocate(PageSize.LARGE, PageSize.SMALL);
        return new PageReceiver(arena, source, memory, null, arrivals, landing, null, PageFrame.AFTERWARDS, null);
    }

    private PageReceiver(
            Arena arena,
            ByteSource source,
            GuestMemory memory,
            PageSet written,
            Arrivals arrivals,
            MemorySegment landing,
            LongPredicate wanted,
            int round,
            PageSet zeroChunks) {
        this.source = source;
        this.memory = memory;
        this.written = written;
        this.arrivals = arrivals;
        this.landing = landing;
        this.wanted = wanted;
        this.arena = arena;
        this.round = round;
        this.zeroChunks = zeroChunks;
        this.head = new PagesHead(arena, source, memory.pages());
        this.message = new GatherMessage(arena, PageFrame.MAX_RUNS);
    }

    /**
     * Waits for the head of a round's first frame: nothing is written to memory before {@link #receiveRound}.
     *
     * @return whether there is more in this stream's part of the round than its end
     */
    public boolean awaitRound() throws TransportException {
        if (!awaited) {
            head.receiveHeader();
            awaited = true;
        }
        return head.type() != PageFrame.ROUND_END;
    }

    /**
     * Receives frames up to the end of this stream's part of a round, the first of which may have been awaited.
     *
     * @return the round that ended
     */
    public int receiveRound() throws TransportException {
        awaitRound();
        awaited = false;
        for (; head.type() != PageFrame.ROUND_END; head.receiveHeader()) {
            receivePages();
        }
        if (head.first() != round) {
            throw head.malformed("round " + head.first() + " ended in round " + round);
        }
        return round++;
    }

    /** Receives pages that follow the guest until the source says that it has sent all. */
    public void receiveArrivals() throws TransportException {
        while (receiveArrival()) {
            // Each says for itself what has come.
        }
    }

    /** Receives one frame of pages that follow the guest; false when the source says that it has sent all. */
    public boolean receiveArrival() throws TransportException {
        if (head.receiveHeader() == PageFrame.ROUND_END) {
            return false;
        }
        receivePages();
        for (int i = 0, runs = head.runs(); i < runs && !late; i++) {
            arrivals.arrived(head.runFirst(i), head.runPages(i), content(i), head.isAhead());
        }
        return true;
    }

    private void receivePages() throws TransportException {
        if (head.type() != PageFrame.PAGES) {
            throw head.malformed("frame type 0x" + Integer.toHexString(head.type()));
        }
        head.receiveRuns(round);
        late = wanted != null && !wanted.test(head.first());
        aside = late ? discarded() : landing;
        if (aside == null && head.isLarge()) {
            backByLargePage();
        }
        takeRuns();
        if (message.count() > 0) {
            source.receive(message);
        }
    }

    private MemorySegment discarded() {
        if (discarded == null) {
            discarded = arena.allocate(PageSize.LARGE, PageSize.SMALL);
        }
        return discarded;
    }

    private void backByLargePage() {
        if (zeroChunks == null || head.contentPages() > 0) {
            memory.populateLarge(head.first());
            return;
        }
        synchronized (zeroChunks) {
            zeroChunks.add(head.first() / PageSize.SMALL_PER_LARGE);
        }
    }

    /** Zeroes the zero runs and lines up where the content goes. */
    private void takeRuns() {
        message.clear();
        for (int i = 0, runs = head.runs(); i < runs; i++) {
            long page = head.runFirst(i);
            long pages = head.runPages(i);
            MemorySegment content = content(i);
            if (head.isContent(i)) {
                if (written != null && aside == null) {
                    written.addRange(page, pages);
                }
                message.add(content.address(), content.byteSize());
            } else if (written != null && aside == null) {
                zero(page, page + pages);
            } else {
                content.fill((byte) 0);
            }
        }
    }

    /** Where a run's content goes. */
    private MemorySegment content(int run) {
        long page = head.runFirst(run);
        long bytes = (long) head.runPages(run) << PageSize.SMALL_SHIFT;
        return aside == null
                ? memory.segment().asSlice(page << PageSize.SMALL_SHIFT, bytes)
                : aside.asSlice((page - head.first()) << PageSize.SMALL_SHIFT, bytes);
    }

    private void zero(long page, long end) {
        for (long at = written.next(page, end); at < end; at = written.next(at, end)) {
            long stop = written.nextAbsent(at, end);
            memory.segment()
                    .asSlice(at << PageSize.SMALL_SHIFT, (stop - at) << PageSize.SMALL_SHIFT)
                    .fill((byte) 0);
            written.removeRange(at, stop - at);
            at = stop;
        }
    }
}
