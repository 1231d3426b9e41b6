package dev.godwit.agent.stream;

import static dev.godwit.agent.stream.PageFrame.U16;
import static dev.godwit.agent.stream.PageFrame.U32;
import static dev.godwit.agent.stream.PageFrame.U64;

import dev.godwit.agent.transport.ByteSource;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.agent.transport.TransportException.Kind;
import dev.godwit.bindings.linux.GatherMessage;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * One data stream's receiving end: checks each frame, then lets the socket fill guest memory itself.
 *
 * <p>What arrives lands inside large pages: a chunk that its source backs by a large page is populated as one before the
 * first byte; a zero page is zeroed in place, never punched out.
 *
 * <p>Threading: one thread; different receivers work on different chunks within a round.
 */
public final class PageReceiver {
    private final ByteSource source;
    private final GuestMemory memory;
    /** Pages that hold content of the guest's; all others still are the zeros they were mapped with. Null if unknown. */
    private final PageSet written;

    /** Told of each run of pages, or null. */
    private final Arrivals arrivals;

    /** Where the pages of a chunk go instead of {@link #memory}, or null. */
    private final MemorySegment landing;

    private final MemorySegment head;
    private final GatherMessage message;
    private int round;

    /** Who hears of pages that have come. */
    public interface Arrivals {
        /**
         * So many pages from {@code first} on, within one chunk.
         *
         * @param content of these pages, where they came in
         */
        void arrived(long first, long count, MemorySegment content);
    }

    /** A receiver of precopy's rounds. */
    public PageReceiver(Arena arena, ByteSource source, GuestMemory memory, PageSet written) {
        this(arena, source, memory, written, null, null, 1);
    }

    /** A receiver of single frames, into {@code memory}. */
    public PageReceiver(Arena arena, ByteSource source, GuestMemory memory, PageSet written, Arrivals arrivals) {
        this(arena, source, memory, written, arrivals, null, PageFrame.AFTERWARDS);
    }

    /**
     * A receiver of single frames into memory of its own, which the next frame overwrites: whoever hears of them puts
     * them where they belong.
     *
     * @param memory whose pages they are; it is not touched
     */
    public static PageReceiver landing(Arena arena, ByteSource source, GuestMemory memory, Arrivals arrivals) {
        MemorySegment landing = arena.allocate(PageSize.LARGE, PageSize.SMALL);
        return new PageReceiver(arena, source, memory, null, arrivals, landing, PageFrame.AFTERWARDS);
    }

    private PageReceiver(
            Arena arena,
            ByteSource source,
            GuestMemory memory,
            PageSet written,
            Arrivals arrivals,
            MemorySegment landing,
            int round) {
        this.source = source;
        this.memory = memory;
        this.written = written;
        this.arrivals = arrivals;
        this.landing = landing;
        this.round = round;
        this.head = arena.allocate(PageFrame.MAX_HEAD_BYTES, 64);
        this.message = new GatherMessage(arena, PageFrame.MAX_RUNS);
    }

    /**
     * Receives frames up to the end of this stream's part of a round.
     *
     * @return the round that ended
     */
    public int receiveRound() throws TransportException {
        while (true) {
            source.receive(head.asSlice(0, PageFrame.HEADER_BYTES));
            int type = head.get(U32, PageFrame.TYPE);
            if (type == PageFrame.ROUND_END) {
                long ended = head.get(U64, PageFrame.FIRST_PAGE);
                if (ended != round) {
                    throw malformed("round " + ended + " ended in round " + round);
                }
                return round++;
            }
            if (type != PageFrame.PAGES) {
                throw malformed("frame type 0x" + Integer.toHexString(type));
            }
            receivePages();
        }
    }

    /** Receives pages that follow the guest until the source says that it has sent all. */
    public void receiveArrivals() throws TransportException {
        while (receiveArrival()) {
            // Each says for itself what has come.
        }
    }

    /** Receives one frame of pages that follow the guest; false when the source says that it has sent all. */
    public boolean receiveArrival() throws TransportException {
        source.receive(head.asSlice(0, PageFrame.HEADER_BYTES));
        int type = head.get(U32, PageFrame.TYPE);
        if (type == PageFrame.ROUND_END) {
            return false;
        }
        if (type != PageFrame.PAGES) {
            throw malformed("frame type 0x" + Integer.toHexString(type));
        }
        receivePages();
        int runs = head.get(U32, PageFrame.RUNS);
        long first = head.get(U64, PageFrame.FIRST_PAGE);
        for (int i = 0; i < runs; i++) {
            long at = runAt(i);
            long page = first + (head.get(U16, at) & 0xffff);
            long pages = head.get(U16, at + 2) & 0xffff;
            arrivals.arrived(page, pages, content(first, page, pages));
        }
        return true;
    }

    private void receivePages() throws TransportException {
        int runs = head.get(U32, PageFrame.RUNS);
        long first = head.get(U64, PageFrame.FIRST_PAGE);
        if (runs < 1 || runs > PageFrame.MAX_RUNS) {
            throw malformed(Integer.toUnsignedString(runs) + " runs in a frame");
        }
        if (first < 0 || first >= memory.pages() || first % PageSize.SMALL_PER_LARGE != 0) {
            throw malformed("chunk at page " + Long.toUnsignedString(first));
        }
        if (head.get(U32, PageFrame.ROUND) != round) {
            throw malformed("a frame of round " + Integer.toUnsignedString(head.get(U32, PageFrame.ROUND))
                    + " in round " + round);
        }
        source.receive(head.asSlice(PageFrame.HEADER_BYTES, (long) runs * PageFrame.RUN_BYTES));
        checkRuns(runs, first);
        if (landing == null && (head.get(U32, PageFrame.FLAGS) & PageFrame.FLAG_LARGE) != 0) {
            memory.populateLarge(first);
        }
        takeRuns(runs, first);
        if (message.count() > 0) {
            source.receive(message);
        }
    }

    /** Everything about the runs is checked before the first one touches memory. */
    private void checkRuns(int runs, long first) throws TransportException {
        long limit = Math.min(PageSize.SMALL_PER_LARGE, memory.pages() - first);
        long content = 0;
        int previousEnd = 0;
        for (int i = 0; i < runs; i++) {
            long at = runAt(i);
            int offset = head.get(U16, at) & 0xffff;
            int pages = head.get(U16, at + 2) & 0xffff;
            int kind = head.get(U16, at + 4) & 0xffff;
            if (pages == 0 || offset < previousEnd || offset + pages > limit) {
                throw malformed("run of " + pages + " pages at " + offset + " of chunk page " + first);
            }
            if (kind == PageFrame.KIND_CONTENT) {
                content += pages;
            } else if (kind != PageFrame.KIND_ZERO) {
                throw malformed("run of kind " + kind);
            }
            previousEnd = offset + pages;
        }
        if (head.get(U64, PageFrame.CONTENT_BYTES) != content << PageSize.SMALL_SHIFT) {
            throw malformed("a frame with " + Long.toUnsignedString(head.get(U64, PageFrame.CONTENT_BYTES))
                    + " bytes of content for " + content + " pages");
        }
    }

    /** Zeroes the zero runs and lines up where the content goes. */
    private void takeRuns(int runs, long first) {
        message.clear();
        for (int i = 0; i < runs; i++) {
            long at = runAt(i);
            long page = first + (head.get(U16, at) & 0xffff);
            long pages = head.get(U16, at + 2) & 0xffff;
            MemorySegment content = content(first, page, pages);
            if (head.get(U16, at + 4) == PageFrame.KIND_CONTENT) {
                if (written != null) {
                    written.addRange(page, pages);
                }
                message.add(content.address(), content.byteSize());
            } else if (written != null) {
                zero(page, page + pages);
            } else {
                content.fill((byte) 0);
            }
        }
    }

    private MemorySegment content(long first, long page, long pages) {
        long bytes = pages << PageSize.SMALL_SHIFT;
        return landing == null
                ? memory.segment().asSlice(page << PageSize.SMALL_SHIFT, bytes)
                : landing.asSlice((page - first) << PageSize.SMALL_SHIFT, bytes);
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

    private static long runAt(int index) {
        return PageFrame.HEADER_BYTES + (long) index * PageFrame.RUN_BYTES;
    }

    private TransportException malformed(String what) {
        return new TransportException(Kind.MALFORMED, source.peer() + " sent " + what);
    }
}
