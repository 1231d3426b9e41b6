package dev.godwit.agent.stream;

import static dev.godwit.agent.stream.PageFrame.KIND_CONTENT;
import static dev.godwit.agent.stream.PageFrame.KIND_ZERO;
import static dev.godwit.agent.stream.PageFrame.U16;
import static dev.godwit.agent.stream.PageFrame.U32;
import static dev.godwit.agent.stream.PageFrame.U64;

import dev.godwit.agent.transport.ByteSink;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.bindings.linux.GatherMessage;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;

/**
 * One data stream's sending end: turns the wanted pages of a chunk into one frame, or several short ones under a low
 * limit, and sends each with one gathering system call, straight from guest memory.
 *
 * <p>A page that the guest writes while it is being sent may arrive torn; it is in the dirty log by then and goes again.
 *
 * <p>Threading: one thread at a time; counters may be read from any.
 */
public final class PageSender {
    private final ByteSink sink;
    private final MemorySegment memory;
    private final RateLimit limit;
    private final int framePages;
    private final MemorySegment head;
    private final GatherMessage message;

    private int runs;
    private int runStart;
    private int runPages;
    private int runKind;
    private long frameContentPages;
    private long frameZeroPages;

    /** Bytes that may go now, of what is chosen after that. */
    private long reserved;

    private final AtomicLong contentPages = new AtomicLong();
    private final AtomicLong zeroPages = new AtomicLong();
    private final AtomicLong wireBytes = new AtomicLong();

    /** A sender of a guest's RAM. */
    public PageSender(Arena arena, ByteSink sink, GuestMemory memory, RateLimit limit) {
        this(arena, sink, memory.segment(), limit);
    }

    /**
     * A sender of pages.
     *
     * @param memory page 0 first
     */
    public PageSender(Arena arena, ByteSink sink, MemorySegment memory, RateLimit limit) {
        this.sink = sink;
        this.memory = memory;
        this.limit = limit;
        this.framePages = limit.framePages();
        this.head = arena.allocate(PageFrame.MAX_HEAD_BYTES, 64);
        this.message = new GatherMessage(arena, 1 + PageFrame.MAX_RUNS);
    }

    /**
     * Sends those pages of a chunk that are in {@code wanted}; nothing when there are none.
     *
     * @param chunk number of the chunk
     * @param large whether the host backs the chunk by a large page
     */
    public void sendChunk(PageSet wanted, long chunk, boolean large, int round) throws TransportException {
        sendChunk(wanted, null, chunk, large, round);
    }

    /**
     * As above, without a look at pages behind which there is nothing.
     *
     * @param present all others are zeros; null for a set of all
     */
    public void sendChunk(PageSet wanted, PageSet present, long chunk, boolean large, int round)
            throws TransportException {
        sendChunk(wanted, present, chunk, large, round, () -> false);
    }

    /**
     * As above, until told to stop, which is asked after each 64 pages.
     *
     * @return the first page of those that have not been sent; the chunk's end when all have
     */
    public long sendChunk(
            PageSet wanted, PageSet present, long chunk, boolean large, int round, BooleanSupplier stopped)
            throws TransportException {
        int flags = large ? PageFrame.FLAG_LARGE : 0;
        long first = chunk * PageSize.SMALL_PER_LARGE;
        long end = Math.min(first + PageSize.SMALL_PER_LARGE, wanted.pages());
        if (wanted.next(first, end) == end) {
            return end;
        }
        beginFrame();
        long word = first >>> 6;
        for (boolean goesOn = true; goesOn && word << 6 < end; word++) {
            long mask = wanted.word(word);
            add(word << 6, mask, present == null ? -1 : present.word(word), flags, round);
            goesOn = mask == 0 || !stopped.getAsBoolean();
        }
        sendFrame(first, flags, round);
        return Math.min(word << 6, end);
    }

    /**
     * Sends some of 64 pages: others have their turn at the processor, or with the guest, after them.
     *
     * @param first the first of the 64, a multiple of that
     * @param mask bit n is page {@code first + n}; at least one
     * @param flags of {@link PageFrame}
     */
    public void sendPages(long first, long mask, int flags, int round) throws TransportException {
        beginFrame();
        add(first, mask, -1, flags, round);
        sendFrame(first & -PageSize.SMALL_PER_LARGE, flags, round);
    }

    /** @param present of those that are not there is nothing: they are zeros */
    private void add(long from, long mask, long present, int flags, int round) throws TransportException {
        long first = from & -PageSize.SMALL_PER_LARGE;
        for (long left = mask; left != 0; left &= left - 1) {
            int bit = Long.numberOfTrailingZeros(left);
            long page = from + bit;
            if ((present >>> bit & 1) == 0 || ZeroScan.isZero(memory, page << PageSize.SMALL_SHIFT)) {
                frameZeroPages++;
                addPage((int) (page - first), KIND_ZERO);
            } else {
                if (frameContentPages == framePages) {
                    sendFrame(first, flags, round);
                    beginFrame();
                }
                frameContentPages++;
                addPage((int) (page - first), KIND_CONTENT);
            }
        }
    }

    /**
     * Says of those pages of a chunk that are in {@code which} that they are zeros, whatever they hold here; nothing when
     * there are none.
     */
    public void sendZeros(PageSet which, long chunk, int round) throws TransportException {
        long first = chunk * PageSize.SMALL_PER_LARGE;
        long end = Math.min(first + PageSize.SMALL_PER_LARGE, which.pages());
        if (which.next(first, end) == end) {
            return;
        }
        beginFrame();
        for (long page = which.next(first, end); page < end; page = which.next(page + 1, end)) {
            addPage((int) (page - first), KIND_ZERO);
        }
        sendFrame(first, 0, round);
    }

    private void beginFrame() {
        runs = 0;
        runPages = 0;
        frameContentPages = 0;
        frameZeroPages = 0;
    }

    private void addPage(int offset, int kind) {
        if (runPages > 0 && kind == runKind && offset == runStart + runPages) {
            runPages++;
            return;
        }
        endRun();
        runStart = offset;
        runPages = 1;
        runKind = kind;
    }

    private void endRun() {
        if (runPages == 0) {
            return;
        }
        long at = PageFrame.HEADER_BYTES + (long) runs * PageFrame.RUN_BYTES;
        head.set(U16, at, (short) runStart);
        head.set(U16, at + 2, (short) runPages);
        head.set(U16, at + 4, (short) runKind);
        head.set(U16, at + 6, (short) 0);
        runs++;
    }

    private void sendFrame(long firstPage, int flags, int round) throws TransportException {
        endRun();
        long headBytes = PageFrame.HEADER_BYTES + (long) runs * PageFrame.RUN_BYTES;
        long contentBytes = frameContentPages << PageSize.SMALL_SHIFT;
        head.set(U32, PageFrame.TYPE, PageFrame.PAGES);
        head.set(U32, PageFrame.RUNS, runs);
        head.set(U64, PageFrame.FIRST_PAGE, firstPage);
        head.set(U32, PageFrame.FLAGS, flags);
        head.set(U32, PageFrame.ROUND, round);
        head.set(U64, PageFrame.CONTENT_BYTES, contentBytes);
        message.clear();
        message.add(head.address(), headBytes);
        for (int i = 0; i < runs; i++) {
            long at = PageFrame.HEADER_BYTES + (long) i * PageFrame.RUN_BYTES;
            if (head.get(U16, at + 4) == KIND_CONTENT) {
                long page = firstPage + head.get(U16, at);
                message.add(
                        memory.address() + (page << PageSize.SMALL_SHIFT),
                        (long) head.get(U16, at + 2) << PageSize.SMALL_SHIFT);
            }
        }
        acquire(headBytes + contentBytes);
        sink.send(message);
        wireBytes.getAndAdd(headBytes + contentBytes);
        contentPages.getAndAdd(frameContentPages);
        zeroPages.getAndAdd(frameZeroPages);
    }

    /**
     * Returns when a frame may be sent, so that what is in it need not be chosen sooner: the next that is sent goes at once.
     *
     * @param most the most pages that it might be of
     * @return how many it may be of, at least 1
     */
    public int awaitTurn(int most) {
        int pages = Math.min(most, framePages);
        long bytes = PageFrame.HEADER_BYTES + (long) pages * (PageFrame.RUN_BYTES + PageSize.SMALL);
        limit.acquire(bytes);
        reserved = bytes;
        return pages;
    }

    /** Sends nothing after {@link #awaitTurn}. */
    public void passTurn() {
        limit.giveBack(reserved);
        reserved = 0;
    }

    private void acquire(long bytes) {
        if (reserved > 0) {
            limit.giveBack(reserved - bytes);
            reserved = 0;
        } else {
            limit.acquire(bytes);
        }
    }

    /** Says that this stream's part of a round is complete. */
    public void endRound(int round) throws TransportException {
        MemorySegment end = head.asSlice(0, PageFrame.HEADER_BYTES).fill((byte) 0);
        end.set(U32, PageFrame.TYPE, PageFrame.ROUND_END);
        end.set(U64, PageFrame.FIRST_PAGE, round);
        acquire(PageFrame.HEADER_BYTES);
        sink.send(end);
        wireBytes.getAndAdd(PageFrame.HEADER_BYTES);
    }

    /** Pages sent with content so far, each time counted. */
    public long contentPages() {
        return contentPages.get();
    }

    /** Pages sent as zero so far, each time counted. */
    public long zeroPages() {
        return zeroPages.get();
    }

    /** Bytes handed to the socket so far. */
    public long wireBytes() {
        return wireBytes.get();
    }
}
