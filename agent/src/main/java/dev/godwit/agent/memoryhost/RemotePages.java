package dev.godwit.agent.memoryhost;

import dev.godwit.agent.paging.PageStore;
import dev.godwit.agent.paging.Pager;
import dev.godwit.agent.paging.Place;
import dev.godwit.agent.stream.PageFrame;
import dev.godwit.agent.stream.PageReceiver;
import dev.godwit.agent.stream.PageRequest;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;

/**
 * The pages of one guest at a memory host, as its pager sees them. What comes is compared with the checksum that the page
 * map has of it before the guest sees it.
 *
 * <p>Threading: {@link PageStore}'s methods on the pager's thread; the rest from any.
 */
final class RemotePages implements PageStore {
    private final Pager pager;
    private final RegionLink link;
    private final Consumer<String> onWrong;
    private final PageChecksum checksum = new PageChecksum();
    private final MemorySegment request;
    private final AtomicLong fetchedPages = new AtomicLong();

    /** Pages that came from there since the last {@link #drainFetched}: what is there of them is of no use any more. */
    private final PageSet fetched;

    private long fetchedNow;

    /** The lane whose descriptor the pager waits for, and its receiver. */
    private RegionLink.Lane lane;

    private PageReceiver receiver;

    /** @param onWrong told, once or more, that content came that is not the guest's */
    RemotePages(Arena arena, Pager pager, RegionLink link, Consumer<String> onWrong) {
        this.pager = pager;
        this.link = link;
        this.onWrong = onWrong;
        this.request = arena.allocate(PageRequest.BYTES, 8);
        this.fetched = new PageSet(arena, pager.map().pages());
    }

    @Override
    public void request(long first, int count) {
        RegionLink.Lane to = lane;
        if (to == null) {
            return;
        }
        synchronized (to) {
            if (to.isBroken()) {
                return;
            }
            request.set(PageFrame.U32, PageRequest.TYPE, PageRequest.WANT);
            request.set(PageFrame.U32, PageRequest.COUNT, count);
            request.set(PageFrame.U64, PageRequest.ARGUMENT, first);
            try {
                to.connection.send(request);
            } catch (TransportException e) {
                link.broken(to, e);
            }
        }
    }

    @Override
    public int descriptor() {
        RegionLink.Lane now = link.fetch();
        if (now != lane) {
            lane = now;
            receiver = now == null
                    ? null
                    // Collected with the receiver: connections come and go for as long as the guest lives.
                    : PageReceiver.landing(Arena.ofAuto(), now.connection, pager.staging(), this::landed);
            if (now != null) {
                // Not sooner: what is asked for is asked for on this one, and once. A second answer may be older than
                // what the page has become by then.
                pager.askAgain();
            }
        }
        return now == null || now.isBroken() ? NO_DESCRIPTOR : now.connection.descriptor();
    }

    @Override
    public void receive() {
        RegionLink.Lane from = lane;
        if (from == null) {
            return;
        }
        synchronized (from) {
            try {
                do {
                    if (from.isBroken()) {
                        return;
                    }
                    // Pages, or a sign that somebody is there.
                    receiver.receiveArrival();
                    link.heard();
                } while (from.connection.hasBuffered());
            } catch (TransportException e) {
                link.broken(from, e);
            }
        }
    }

    private void landed(long first, long count, MemorySegment content, boolean ahead) {
        ByteBuffer bytes = content.asByteBuffer();
        long start = 0;
        for (int i = 0; i < count; i++) {
            long page = first + i;
            int given = pager.map().frameIn(page, Place.REMOTE);
            // Of a page that is elsewhere only: one that the guest has had back may have been written since.
            if (given >= 0 && given != checksum.of(bytes, i << PageSize.SMALL_SHIFT, PageSize.SMALL)) {
                onWrong.accept(
                        "memory host " + link.at() + " brought another content of page " + page + " than it was given");
                return;
            }
            if (given < 0) {
                // Not unseen: it may be on its way there, with another content, and be there in a moment.
                putIn(first, start, i, content);
                start = i + 1L;
            }
        }
        putIn(first, start, count, content);
        fetchedPages.addAndGet(count);
        synchronized (fetched) {
            fetched.addRange(first, count);
            fetchedNow += count;
        }
    }

    private void putIn(long first, long start, long end, MemorySegment content) {
        if (end > start) {
            pager.arrived(
                    Place.REMOTE,
                    first + start,
                    end - start,
                    content.asSlice(start << PageSize.SMALL_SHIFT, (end - start) << PageSize.SMALL_SHIFT));
        }
    }

    /** A page is with the guest although it has been stored: what is there of it is of no use. */
    void cameBack(long page) {
        synchronized (fetched) {
            fetched.add(page);
            fetchedNow++;
        }
    }

    /** Moves the pages that came since the last call into {@code into}; false when there are none. */
    boolean drainFetched(PageSet into) {
        synchronized (fetched) {
            if (fetchedNow == 0) {
                return false;
            }
            into.addAll(fetched);
            fetched.clear();
            fetchedNow = 0;
            return true;
        }
    }

    /** Pages that have come so far, each time counted. */
    long fetchedPages() {
        return fetchedPages.get();
    }
}
