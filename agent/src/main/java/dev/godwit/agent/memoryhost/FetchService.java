package dev.godwit.agent.memoryhost;

import dev.godwit.agent.stream.PageFrame;
import dev.godwit.agent.stream.PageRequest;
import dev.godwit.agent.stream.PageSender;
import dev.godwit.agent.stream.RateLimit;
import dev.godwit.agent.transport.Connection;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.agent.transport.TransportException.Kind;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** One FETCH connection: sends the pages that are wanted, straight from the region's memory. */
final class FetchService {
    /** The round whose end says only that somebody is there. */
    private static final int STILL_THERE = 0;

    private final Connection connection;
    private final RegionPages pages;
    private final PageSender sender;
    private final MemorySegment request;
    private final PageSet wanted;
    private final PageSet held;

    FetchService(Arena arena, Connection connection, RegionPages pages) {
        this.connection = connection;
        this.pages = pages;
        this.sender = new PageSender(arena, connection, pages.segment(), RateLimit.none());
        this.request = arena.allocate(PageRequest.BYTES, 8);
        this.wanted = new PageSet(arena, pages.pages());
        this.held = new PageSet(arena, pages.pages());
    }

    /** Serves until the connection breaks. */
    void serve() throws TransportException {
        while (true) {
            connection.receive(request);
            int type = request.get(PageFrame.U32, PageRequest.TYPE);
            if (type == PageRequest.WANT) {
                send(request.get(PageFrame.U64, PageRequest.ARGUMENT), request.get(PageFrame.U32, PageRequest.COUNT));
            } else if (type == PageRequest.PING) {
                sender.endRound(STILL_THERE);
            } else {
                throw malformed("sent request " + Integer.toUnsignedString(type));
            }
        }
    }

    private void send(long first, int count) throws TransportException {
        boolean exist = first >= 0 && count > 0 && first <= pages.pages() - count;
        long chunk = first / PageSize.SMALL_PER_LARGE;
        if (!exist || chunk != (first + count - 1) / PageSize.SMALL_PER_LARGE) {
            throw malformed("wants " + Integer.toUnsignedString(count) + " pages from " + Long.toUnsignedString(first));
        }
        wanted.addRange(first, count);
        pages.copyHeld(chunk, held);
        pages.willRead(first, count);
        try {
            sender.sendChunk(wanted, held, chunk, false, PageFrame.AFTERWARDS);
        } catch (InternalError e) {
            // What the JVM makes of a SIGBUS: the disk gave an error, or the page was dropped at this very moment.
            throw new TransportException(
                    Kind.BROKEN, count + " pages from " + first + " cannot be read for " + connection.peer());
        }
        wanted.removeRange(first, count);
    }

    private TransportException malformed(String what) {
        return new TransportException(Kind.MALFORMED, connection.peer() + " " + what);
    }
}
