package dev.godwit.agent.migration;

import dev.godwit.agent.paging.PageStore;
import dev.godwit.agent.paging.Pager;
import dev.godwit.agent.paging.Place;
import dev.godwit.agent.stream.PageFrame;
import dev.godwit.agent.stream.PageReceiver;
import dev.godwit.agent.stream.PageRequest;
import dev.godwit.agent.transport.Connection;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.agent.transport.TransportException.Kind;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import dev.godwit.host.thread.Uninterruptibly;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The pages of a guest that are still at its migration source, as its target sees them: asks for those the guest waits
 * for on the first page connection, and takes what the source pushes on the others.
 *
 * <p>Connections may break and come again. What is missing is told to the source on each new first connection, and what
 * was asked for is asked for again.
 *
 * <p>Threading: {@link #serve} on each connection's thread; {@link PageStore}'s methods on the pager's; the rest from any.
 */
final class SourcePages implements PageStore, AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(SourcePages.class);

    /** Requests that are gathered at most: what a chunk that lacks little asks for, page by page at worst. */
    private static final int GATHERED = 64;

    /** One page connection. */
    private static final class Lane {
        final int stream;
        final Connection connection;
        final Arena arena;
        /** What is being said; whoever says something holds the lane's lock. */
        final MemorySegment message;

        /** What the pager's thread has gathered, and how many bytes that is. */
        final MemorySegment gathered;

        long gatheredBytes;

        /** Held while the pager's thread receives. */
        final Object reading = new Object();

        /** Null until the pager has been armed. */
        volatile PageReceiver receiver;

        volatile boolean broken;

        /** The first of the same set of connections; null before it has come. */
        Lane with;

        Lane(int stream, Connection connection) {
            this.stream = stream;
            this.connection = connection;
            // Not the session's: connections may come and break for as long as its guest's memory follows.
            this.arena = Arena.ofAuto();
            this.message = arena.allocate(PageRequest.BYTES, 8);
            this.gathered = arena.allocate((long) GATHERED * PageRequest.BYTES, 8);
        }
    }

    private final List<Lane> lanes = new ArrayList<>();
    /** The connection for requests, or null while there is none. */
    private volatile Lane first;

    /** The connection whose descriptor the pager's thread has. */
    private Lane polled;

    /** A first connection from before the pager. */
    private Lane untold;

    private Pager pager;
    private PageSet written;
    private boolean ended;
    private long brokenSince;
    private boolean closedByPeer;

    /** The target can take the pages now: the pager has been armed. {@link #ask} follows. */
    synchronized void begin(Pager to, PageSet writtenPages) {
        pager = to;
        written = writtenPages;
        for (Lane lane : lanes) {
            lane.receiver = receiver(lane);
        }
        untold = first;
        notifyAll();
        pager.storeChanged();
    }

    /**
     * Tells the source which pages are missing. If it does not listen this returns only when the connection has been
     * broken for that, by its {@link Connection#setSendStall}.
     */
    void ask(PageSet missing) {
        Lane lane;
        synchronized (this) {
            lane = untold;
        }
        if (lane != null) {
            tellMissing(lane, missing);
        }
    }

    private PageReceiver receiver(Lane lane) {
        if (lane.stream == 0) {
            // Few at a time, and somebody waits: into staging memory, a first small page would cost a large one.
            return PageReceiver.landing(lane.arena, lane.connection, pager.staging(), this::landed);
        }
        return new PageReceiver(
                lane.arena,
                lane.connection,
                pager.staging(),
                written,
                page -> !pager.isWhole((int) (page / PageSize.SMALL_PER_LARGE)),
                (first, count, _, ahead) -> pager.arrived(Place.AT_SOURCE, first, count, ahead));
    }

    private void landed(long first, long count, MemorySegment content, boolean ahead) {
        pager.arrived(Place.AT_SOURCE, first, count, content);
    }

    /**
     * Serves a page connection until it breaks or everything has come; the caller closes it.
     *
     * @param stream 0 for the one that takes requests
     */
    void serve(int stream, Connection connection) throws TransportException {
        Lane lane = join(stream, connection);
        try {
            if (stream == 0) {
                awaitBroken(lane);
                letGo(lane);
            } else if (awaitPager(lane)) {
                lane.receiver.receiveArrivals();
            }
        } catch (TransportException e) {
            giveUpAll(lane, e.kind() == Kind.CLOSED);
            throw e;
        } catch (RuntimeException | Error e) {
            giveUpAll(lane, false);
            throw e;
        } finally {
            leave(lane);
        }
    }

    /** Pages that were on their way here: their source takes them for sent until it is asked again what is missing. */
    private synchronized void giveUpAll(Lane lane, boolean byPeer) {
        if (lane.with != null
                && lane.with == first
                && !lane.broken
                && !ended
                && pager != null
                && pager.elsewhere() > 0) {
            breakOff(first, byPeer);
        }
    }

    private Lane join(int stream, Connection connection) throws TransportException {
        Lane lane;
        boolean begun;
        boolean again;
        synchronized (this) {
            if (ended || stream < 0 || stream > MigrationOptions.MAX_STREAMS) {
                throw new TransportException(
                        Kind.MALFORMED, connection.peer() + " opened page connection " + stream + " in vain");
            }
            lane = new Lane(stream, connection);
            begun = pager != null;
            again = brokenSince != 0;
            if (begun) {
                lane.receiver = receiver(lane);
            }
            // One that comes again has given up the one before, whether or not that is known here.
            for (Lane older : lanes) {
                if (older.stream == stream) {
                    breakOff(older, false);
                }
            }
            lanes.add(lane);
            if (stream == 0) {
                first = lane;
                // They may have come before it; what is left of another set is not of this one.
                lanes.stream().filter(other -> other.with == null).forEach(other -> other.with = lane);
            } else {
                lane.with = first;
            }
        }
        if (begun && stream == 0) {
            if (again) {
                LOG.info("{} brings the rest of the guest's memory again", connection.peer());
            }
            tellMissing(lane);
            pager.askAgain();
        }
        return lane;
    }

    /** Nobody reads or writes on a connection that is about to be closed: its number may be another's then. */
    private static void letGo(Lane lane) {
        synchronized (lane.reading) {
            synchronized (lane) {
                lane.broken = true;
            }
        }
    }

    private synchronized void awaitBroken(Lane lane) throws TransportException {
        try {
            while (!lane.broken && !ended) {
                wait();
            }
        } catch (InterruptedException e) {
            throw interrupted();
        }
    }

    /** False when it was over before it began. */
    private synchronized boolean awaitPager(Lane lane) throws TransportException {
        try {
            while (lane.receiver == null && !ended) {
                wait();
            }
        } catch (InterruptedException e) {
            throw interrupted();
        }
        return !ended;
    }

    private static TransportException interrupted() {
        Thread.currentThread().interrupt();
        return new TransportException(Kind.BROKEN, "interrupted");
    }

    private synchronized void leave(Lane lane) {
        lanes.remove(lane);
        if (first == lane) {
            first = null;
        }
        notifyAll();
    }

    private void tellMissing(Lane lane) {
        try (Arena own = Arena.ofConfined()) {
            PageSet missing = new PageSet(own, pager.map().pages());
            pager.collectElsewhere(missing);
            tellMissing(lane, missing);
        }
    }

    private void tellMissing(Lane lane, PageSet missing) {
        MemorySegment bitmap = missing.segment().asSlice(0, missing.wordCount() * Long.BYTES);
        try {
            say(lane, PageRequest.MISSING, 0, bitmap.byteSize(), bitmap);
        } catch (TransportException e) {
            broken(lane, e);
        }
    }

    @Override
    public void request(long page, int count) {
        gather(PageRequest.WANT, count, page);
    }

    /** Alone: under a limit of bandwidth the others would be waited for with it. */
    @Override
    public int together() {
        return 1;
    }

    @Override
    public void prefetch(long first, int count) {
        gather(PageRequest.NEAR, count, first);
    }

    private void gather(int type, int count, long page) {
        Lane lane = first;
        if (lane == null) {
            return;
        }
        put(lane.gathered, lane.gatheredBytes, type, count, page);
        lane.gatheredBytes += PageRequest.BYTES;
        if (lane.gatheredBytes == lane.gathered.byteSize()) {
            flush();
        }
    }

    @Override
    public void flush() {
        Lane lane = first;
        if (lane == null || lane.gatheredBytes == 0) {
            return;
        }
        try {
            synchronized (lane) {
                if (!lane.broken) {
                    lane.connection.send(lane.gathered.asSlice(0, lane.gatheredBytes));
                }
            }
        } catch (TransportException e) {
            broken(lane, e);
        }
        lane.gatheredBytes = 0;
    }

    /** Tells the source that everything has come. */
    void tellDone() {
        tell(PageRequest.DONE, 0, 0);
    }

    /** Tells the source that this side lives. */
    void ping() {
        tell(PageRequest.PING, 0, 0);
    }

    private void tell(int type, int count, long argument) {
        Lane lane = first;
        if (lane == null) {
            return;
        }
        try {
            say(lane, type, count, argument, null);
        } catch (TransportException e) {
            broken(lane, e);
        }
    }

    /** One message is never torn by another. */
    private static void say(Lane lane, int type, int count, long argument, MemorySegment payload)
            throws TransportException {
        synchronized (lane) {
            if (lane.broken) {
                return;
            }
            put(lane.message, 0, type, count, argument);
            lane.connection.send(lane.message);
            if (payload != null) {
                lane.connection.send(payload);
            }
        }
    }

    private static void put(MemorySegment messages, long at, int type, int count, long argument) {
        messages.set(PageFrame.U32, at + PageRequest.TYPE, type);
        messages.set(PageFrame.U32, at + PageRequest.COUNT, count);
        messages.set(PageFrame.U64, at + PageRequest.ARGUMENT, argument);
    }

    @Override
    public int descriptor() {
        Lane lane = first;
        polled = lane == null || lane.receiver == null ? null : lane;
        return polled == null ? NO_DESCRIPTOR : polled.connection.descriptor();
    }

    @Override
    public void receive() {
        // Not the first of by now: on that nothing has come, and who waits for it here asks for nothing.
        Lane lane = polled;
        if (lane == null) {
            return;
        }
        synchronized (lane.reading) {
            try {
                while (!lane.broken && (lane.receiver.receiveArrival() && lane.connection.hasBuffered())) {
                    // Each says for itself what has come.
                }
            } catch (TransportException e) {
                broken(lane, e);
            }
        }
    }

    private synchronized void broken(Lane lane, TransportException e) {
        if (!ended) {
            LOG.warn("the rest of a guest's memory does not come any more: {}", e.getMessage());
        }
        breakOff(lane, e.kind() == Kind.CLOSED);
    }

    private synchronized void breakOff(Lane lane, boolean byPeer) {
        lane.broken = true;
        lane.connection.abort();
        if (first == lane) {
            first = null;
            brokenSince = System.nanoTime();
            closedByPeer = byPeer;
        }
        notifyAll();
    }

    /**
     * For how long the source has been gone, in nanoseconds, after it closed its connections itself; 0 while it is there,
     * or cannot be reached for another reason.
     */
    synchronized long goneNanos() {
        return first == null && closedByPeer ? System.nanoTime() - brokenSince : 0;
    }

    /** Whether there is a connection on which the source pushes pages. */
    synchronized boolean isPushed() {
        return lanes.stream().anyMatch(lane -> lane.stream > 0 && !lane.broken);
    }

    /** Makes the source connect again, and ask what is missing. */
    synchronized void startAgain() {
        if (first != null) {
            breakOff(first, false);
        }
    }

    /** Whether the source can be asked for pages. */
    boolean isConnected() {
        return first != null;
    }

    /** Breaks all connections and waits until nothing is delivered any more. */
    void end() {
        synchronized (this) {
            ended = true;
            lanes.forEach(lane -> lane.connection.abort());
            notifyAll();
            Uninterruptibly.await(() -> {
                while (!lanes.isEmpty()) {
                    wait();
                }
            });
        }
    }

    @Override
    public void close() {
        end();
    }
}
