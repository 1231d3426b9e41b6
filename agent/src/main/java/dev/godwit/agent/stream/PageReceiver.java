package dev.godwit.agent.stream;

import dev.godwit.agent.transport.ByteSource;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.bindings.linux.GatherMessage;
import dev.godwit.bindings.linux.MemoryCalls;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import java.lang.foreign.Arena;

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
    /** Pages that hold content of the guest's; all others still are the zeros they were mapped with. */
    private final PageSet written;

    /** Told of each run of pages, or null. */
    private final Arrivals arrivals;

    private final PagesHead head;
    private final GatherMessage message;
    private int round;

    /** Who hears of pages that have come. */
    public interface Arrivals {
        /** So many pages from {@code first} on, within one chunk. */
        void arrived(long first, long count);
    }

    /** A receiver of precopy's rounds. */
    public PageReceiver(Arena arena, ByteSource source, GuestMemory memory, PageSet written) {
        this(arena, source, memory, written, null, 1);
    }

    /** A receiver of the pages that follow a guest. */
    public PageReceiver(Arena arena, ByteSource source, GuestMemory memory, PageSet written, Arrivals arrivals) {
        this(arena, source, memory, written, arrivals, PageFrame.AFTERWARDS);
    }

    private PageReceiver(
            Arena arena, ByteSource source, GuestMemory memory, PageSet written, Arrivals arrivals, int round) {
        this.source = source;
        this.memory = memory;
        this.written = written;
        this.arrivals = arrivals;
        this.round = round;
        this.head = new PagesHead(arena, source, memory.pages());
        this.message = new GatherMessage(arena, PageFrame.MAX_RUNS);
    }

    /**
     * Receives frames up to the end of this stream's part of a round.
     *
     * @return the round that ended
     */
    public int receiveRound() throws TransportException {
        while (true) {
            int type = head.receiveHeader();
            if (type == PageFrame.ROUND_END) {
                long ended = head.first();
                if (ended != round) {
                    throw head.malformed("round " + ended + " ended in round " + round);
                }
                return round++;
            }
            if (type != PageFrame.PAGES) {
                throw head.malformed("frame type 0x" + Integer.toHexString(type));
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
        int type = head.receiveHeader();
        if (type == PageFrame.ROUND_END) {
            return false;
        }
        if (type != PageFrame.PAGES) {
            throw head.malformed("frame type 0x" + Integer.toHexString(type));
        }
        receivePages();
        for (int i = 0, runs = head.runs(); i < runs; i++) {
            arrivals.arrived(head.runFirst(i), head.runPages(i));
        }
        return true;
    }

    private void receivePages() throws TransportException {
        head.receiveRuns(round);
        if (head.isLarge()) {
            populate(head.first());
        }
        takeRuns();
        if (message.count() > 0) {
            source.receive(message);
        }
    }

    /** Zeroes the zero runs and lines up where the content goes. */
    private void takeRuns() {
        message.clear();
        for (int i = 0, runs = head.runs(); i < runs; i++) {
            long page = head.runFirst(i);
            long pages = head.runPages(i);
            if (head.isContent(i)) {
                written.addRange(page, pages);
                message.add(memory.hva() + (page << PageSize.SMALL_SHIFT), pages << PageSize.SMALL_SHIFT);
            } else {
                zero(page, page + pages);
            }
        }
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

    private void populate(long first) {
        boolean whole = first + PageSize.SMALL_PER_LARGE <= memory.pages();
        if (whole && memory.largePages() != LargePages.NONE) {
            // Best effort: without a free large page the kernel gives small ones, and the report says so.
            MemoryCalls.madvise(
                    memory.hva() + (first << PageSize.SMALL_SHIFT), PageSize.LARGE, MemoryCalls.MADV_POPULATE_WRITE);
        }
    }
}
