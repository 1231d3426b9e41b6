package dev.godwit.agent.stream;

import static dev.godwit.agent.stream.PageFrame.U16;
import static dev.godwit.agent.stream.PageFrame.U32;
import static dev.godwit.agent.stream.PageFrame.U64;

import dev.godwit.agent.transport.ByteSource;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.agent.transport.TransportException.Kind;
import dev.godwit.host.memory.PageSize;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The head of a frame as a peer has sent it: its header, and of a PAGES frame the runs, all of which is checked before
 * anybody acts on any of it.
 *
 * <p>Threading: one thread.
 */
public final class PagesHead {
    private final ByteSource source;
    private final long pages;
    private final MemorySegment head;
    private long contentPages;

    /**
     * Heads of frames from one peer.
     *
     * @param pages of RAM that the frames are about
     */
    public PagesHead(Arena arena, ByteSource source, long pages) {
        this.source = source;
        this.pages = pages;
        this.head = arena.allocate(PageFrame.MAX_HEAD_BYTES, 64);
    }

    /** Receives the next header and returns its type, which may be anything. */
    public int receiveHeader() throws TransportException {
        source.receive(head.asSlice(0, PageFrame.HEADER_BYTES));
        return type();
    }

    /** The type in the header that came last, which may be anything. */
    public int type() {
        return head.get(U32, PageFrame.TYPE);
    }

    /**
     * Receives the runs of a PAGES frame whose header has just come.
     *
     * @param round the frame's, if it is right
     * @throws TransportException of kind MALFORMED when anything about the frame is against the rules
     */
    public void receiveRuns(int round) throws TransportException {
        int runs = runs();
        long first = first();
        if (runs < 1 || runs > PageFrame.MAX_RUNS) {
            throw malformed(Integer.toUnsignedString(runs) + " runs in a frame");
        }
        if (first < 0 || first >= pages || first % PageSize.SMALL_PER_LARGE != 0) {
            throw malformed("chunk at page " + Long.toUnsignedString(first));
        }
        if ((head.get(U32, PageFrame.FLAGS) & ~PageFrame.FLAGS_KNOWN) != 0) {
            throw malformed("flags 0x" + Integer.toHexString(head.get(U32, PageFrame.FLAGS)));
        }
        if (head.get(U32, PageFrame.ROUND) != round) {
            throw malformed("a frame of round " + Integer.toUnsignedString(head.get(U32, PageFrame.ROUND))
                    + " in round " + round);
        }
        source.receive(head.asSlice(PageFrame.HEADER_BYTES, (long) runs * PageFrame.RUN_BYTES));
        checkRuns(runs, first);
    }

    private void checkRuns(int runs, long first) throws TransportException {
        long limit = Math.min(PageSize.SMALL_PER_LARGE, pages - first);
        long content = 0;
        int previousEnd = 0;
        for (int i = 0; i < runs; i++) {
            int offset = head.get(U16, runAt(i)) & 0xffff;
            int count = runPages(i);
            int kind = head.get(U16, runAt(i) + 4) & 0xffff;
            if (count == 0 || offset < previousEnd || offset + count > limit) {
                throw malformed("run of " + count + " pages at " + offset + " of chunk page " + first);
            }
            if (kind == PageFrame.KIND_CONTENT) {
                content += count;
            } else if (kind != PageFrame.KIND_ZERO) {
                throw malformed("run of kind " + kind);
            }
            previousEnd = offset + count;
        }
        if (head.get(U64, PageFrame.CONTENT_BYTES) != content << PageSize.SMALL_SHIFT) {
            throw malformed("a frame with " + Long.toUnsignedString(head.get(U64, PageFrame.CONTENT_BYTES))
                    + " bytes of content for " + content + " pages");
        }
        contentPages = content;
    }

    /** The number of runs. */
    public int runs() {
        return head.get(U32, PageFrame.RUNS);
    }

    /** The first page of the chunk; of a ROUND_END the round. */
    public long first() {
        return head.get(U64, PageFrame.FIRST_PAGE);
    }

    /** Whether the peer has a large page there. */
    public boolean isLarge() {
        return (head.get(U32, PageFrame.FLAGS) & PageFrame.FLAG_LARGE) != 0;
    }

    /** Whether the rest of the chunk comes much later. */
    public boolean isAhead() {
        return (head.get(U32, PageFrame.FLAGS) & PageFrame.FLAG_AHEAD) != 0;
    }

    /** Pages of all content runs. */
    public long contentPages() {
        return contentPages;
    }

    /** The first page of a run. */
    public long runFirst(int run) {
        return first() + (head.get(U16, runAt(run)) & 0xffff);
    }

    /** The pages of a run. */
    public int runPages(int run) {
        return head.get(U16, runAt(run) + 2) & 0xffff;
    }

    /** Whether a run has content; it is zeros otherwise. */
    public boolean isContent(int run) {
        return head.get(U16, runAt(run) + 4) == PageFrame.KIND_CONTENT;
    }

    private static long runAt(int index) {
        return PageFrame.HEADER_BYTES + (long) index * PageFrame.RUN_BYTES;
    }

    /** What the peer did wrong, as an exception. */
    public TransportException malformed(String what) {
        return new TransportException(Kind.MALFORMED, source.peer() + " sent " + what);
    }
}
