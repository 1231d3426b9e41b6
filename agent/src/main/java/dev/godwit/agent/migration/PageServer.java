package dev.godwit.agent.migration;

import dev.godwit.agent.paging.HottestFirst;
import dev.godwit.agent.stream.PageFrame;
import dev.godwit.agent.stream.PageRequest;
import dev.godwit.agent.stream.PageSender;
import dev.godwit.agent.stream.RateLimit;
import dev.godwit.agent.transport.Connection;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.agent.transport.TransportException.Kind;
import dev.godwit.bindings.linux.PollSet;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import dev.godwit.host.thread.PromptThread;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Serves the memory of a guest that has gone ahead, over one set of page connections: pages that the guest waits for at
 * once, the hottest first, on the first; all others in the order of a {@link PushQueue}, on the rest.
 *
 * <p>The guest does not run here: its memory does not change, and a page may be sent twice.
 *
 * <p>Threading: {@link #serve} on one thread; {@link #abort} from any.
 */
final class PageServer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(PageServer.class);

    /**
     * 64 KiB: a kernel that preempts nobody within a system call copies all of it, at both ends, before it lets those
     * run who bring a page that the guest waits for.
     */
    private static final int PUSHED_TOGETHER = 16;

    /** So many requests are looked at before one is answered: more than a guest has threads that wait. */
    private static final int AT_ONCE = 64;

    /** A request that waits, as a number: the first page, whether it is NEAR, and how many pages. */
    private static final int FIRST_SHIFT = 11;

    private static final int NEAR_BIT = 1 << 10;
    private static final int NOBODY_WAITS = -1;

    private final Arena arena = Arena.ofShared();
    private final GuestMemory memory;
    private final Connection requests;
    private final DataStreams push;
    private final PageSender urgent;
    private final RateLimit urgentLimit;
    /** All that the target may ask for; what else there is may not even be here, and to read it would wait for ever. */
    private final PageSet following;

    private final PageSet largeChunks;
    private final PageOrder order;
    private final MemorySegment request = arena.allocate(PageRequest.BYTES, 8);
    /** What has not been answered yet. */
    private final HottestFirst asked = new HottestFirst(2 * AT_ONCE);

    /** How many of these somebody waits for. */
    private int waitedFor;

    /** What the target lacks. */
    private final PageSet missing;

    /** The same in the order in which it is pushed, less what the target has asked for. */
    private final PushQueue queue;

    /** Parts that have been taken from the queue and are not on their way yet. */
    private final AtomicInteger inHand = new AtomicInteger();

    private final LeftOut leftOut = new LeftOut(AT_ONCE);
    /** What has been pushed is there before what is sent now, if no more than this is under way: two parts; in bytes. */
    private final long soon;

    private final PageSet wanted;
    /** What has gone because the guest waited for it, or for what is near. */
    private final PageSet sent;

    private final AtomicLong urgentPages = new AtomicLong();
    /** The guest runs at the target: what it needs from here to run comes first, and alone. */
    private final CountDownLatch ahead = new CountDownLatch(1);

    private RoundSink.Sending sending;
    private boolean pushBegun;
    private boolean closed;
    private volatile boolean heard;

    /**
     * A server of one guest's memory.
     *
     * @param requests the first connection
     * @param push the others, which this takes over
     * @param following the pages that are the target's to ask for, once the guest is paused
     * @param urgentLimit what the pages are held to that the guest waits for; nobody else's
     */
    PageServer(
            GuestMemory memory,
            PageSet following,
            Connection requests,
            DataStreams push,
            RateLimit urgentLimit,
            PageSet largeChunks,
            PageOrder order) {
        this.memory = memory;
        this.following = following;
        this.requests = requests;
        this.push = push;
        this.largeChunks = largeChunks;
        this.order = order;
        this.urgentLimit = urgentLimit;
        this.soon = (2L * Math.min(PushQueue.Part.MOST_PAGES, urgentLimit.framePages())) << PageSize.SMALL_SHIFT;
        try {
            this.urgent = new PageSender(arena, requests, memory, urgentLimit);
            this.queue = new PushQueue(arena, memory.pages());
            this.missing = new PageSet(arena, memory.pages());
            this.wanted = new PageSet(arena, memory.pages());
            this.sent = new PageSet(arena, memory.pages());
        } catch (RuntimeException | Error e) {
            // A shortage of memory that would be made worse by trying again.
            arena.close();
            throw e;
        }
    }

    /**
     * Serves until the target has everything: of all requests that have come, those first whose pages are hottest.
     *
     * @throws TransportException when the connections break first
     */
    void serve() throws TransportException {
        PollSet input = new PollSet(arena, 1);
        input.set(0, requests.descriptor());
        while (true) {
            while (asked.isEmpty() || (waitedFor < AT_ONCE && comes(input, 0))) {
                long patience = leftOut.waitNanos(System.nanoTime());
                if (patience == 0) {
                    sendLeftOut();
                }
                if (patience < Long.MAX_VALUE && !comes(input, patience)) {
                    continue;
                }
                requests.receive(request);
                heard = true;
                int type = request.get(PageFrame.U32, PageRequest.TYPE);
                int count = request.get(PageFrame.U32, PageRequest.COUNT);
                long argument = request.get(PageFrame.U64, PageRequest.ARGUMENT);
                switch (type) {
                    case PageRequest.WANT -> want(argument, count);
                    case PageRequest.NEAR -> near(argument, count);
                    case PageRequest.MISSING -> beginPush(argument);
                    case PageRequest.DONE -> {
                        return;
                    }
                    case PageRequest.PING -> {
                        // That it came is what it says.
                    }
                    default -> throw new TransportException(Kind.MALFORMED, requests.peer() + " sent request " + type);
                }
            }
            answer(asked.take());
        }
    }

    /** Waits so long for a request; whether there is one. */
    private boolean comes(PollSet input, long nanos) {
        return requests.hasBuffered() || input.await((int) Math.ceilDiv(nanos, 1_000_000)) > 0;
    }

    private void answerAll() throws TransportException {
        while (!asked.isEmpty()) {
            answer(asked.take());
        }
    }

    private void want(long first, int count) throws TransportException {
        if (!isWithinChunk(first, count) || following.nextAbsent(first, first + count) < first + count) {
            throw malformed(first, count);
        }
        asked.add(first << FIRST_SHIFT | count, order.heat(first));
        waitedFor++;
        queue.waitedFor(first, first + count);
    }

    private void near(long first, int count) throws TransportException {
        if (!isWithinChunk(first, count)) {
            throw malformed(first, count);
        }
        // Not promised: what would wait long behind others is forgotten.
        if (asked.count() - waitedFor < AT_ONCE) {
            asked.add(first << FIRST_SHIFT | NEAR_BIT | count, NOBODY_WAITS);
        }
    }

    private void answer(long what) throws TransportException {
        if ((what & NEAR_BIT) == 0) {
            sendWanted(what);
        } else if (urgentLimit.mayNow()) {
            // Else whoever waits for a page would wait for these too.
            long first = firstOf(what);
            long end = endOf(what);
            for (long page = first; page < end; page++) {
                if (follows(page)) {
                    wanted.add(page);
                }
            }
            send(first, end);
        }
    }

    private boolean follows(long page) {
        return following.contains(page) && !sent.contains(page) && !queue.hasHandedOut(page);
    }

    /** Goes in one frame with what else of the chunk is next in turn: much of a chunk's price is by the frame. */
    private void sendWanted(long what) throws TransportException {
        long chunk = firstOf(what) / PageSize.SMALL_PER_LARGE;
        long first = Long.MAX_VALUE;
        long end = 0;
        long next = what;
        while (true) {
            waitedFor--;
            wanted.addRange(firstOf(next), endOf(next) - firstOf(next));
            first = Math.min(first, firstOf(next));
            end = Math.max(end, endOf(next));
            if (asked.isEmpty() || !isWantedIn(chunk, asked.peek())) {
                break;
            }
            next = asked.take();
        }
        if (urgentLimit.isLimited()) {
            leaveOutWhatComes(first, end);
        }
        send(first, end);
    }

    private static boolean isWantedIn(long chunk, long what) {
        return (what & NEAR_BIT) == 0 && firstOf(what) / PageSize.SMALL_PER_LARGE == chunk;
    }

    private static long firstOf(long what) {
        return what >> FIRST_SHIFT;
    }

    private static long endOf(long what) {
        return firstOf(what) + (what & NEAR_BIT - 1);
    }

    /** Sends what is {@link #wanted} of a part of a chunk. */
    private void send(long first, long end) throws TransportException {
        for (long page = wanted.next(first, end); page < end; page = wanted.next(page + 1, end)) {
            sent.add(page);
            urgentPages.incrementAndGet();
            queue.remove(page);
        }
        urgent.sendChunk(wanted, first / PageSize.SMALL_PER_LARGE, false, PageFrame.AFTERWARDS);
        wanted.removeRange(first, end - first);
    }

    /**
     * What has just been pushed is there about as soon as it would be on this connection, unless much has to go before it:
     * who walks through memory asks for most pages once more than needed. Without a limit that costs nothing that counts.
     */
    private void leaveOutWhatComes(long first, long end) {
        boolean soonThere = false;
        for (long page = wanted.next(first, end); page < end; page = wanted.next(page + 1, end)) {
            if (queue.hasHandedOut(page)) {
                soonThere = soonThere || push.bytesUnderWay() <= soon;
                if (!soonThere || !leftOut.add(page, System.nanoTime())) {
                    return;
                }
                wanted.remove(page);
            }
        }
    }

    /** The first of those that were left out is sent after all, unless all that has been pushed is there. */
    private void sendLeftOut() throws TransportException {
        if (inHand.get() == 0 && push.bytesUnderWay() == 0) {
            leftOut.clear();
            return;
        }
        long page = leftOut.take();
        wanted.add(page);
        send(page, page + 1);
    }

    private boolean isWithinChunk(long first, int count) {
        return first >= 0
                && count > 0
                && first <= memory.pages() - count
                && first / PageSize.SMALL_PER_LARGE == (first + count - 1) / PageSize.SMALL_PER_LARGE;
    }

    private TransportException malformed(long first, int count) {
        return new TransportException(
                Kind.MALFORMED, requests.peer() + " wants " + count + " pages from " + Long.toUnsignedString(first));
    }

    private void beginPush(long bytes) throws TransportException {
        if (bytes != missing.wordCount() * Long.BYTES || pushBegun) {
            throw new TransportException(Kind.MALFORMED, requests.peer() + " lacks pages of " + bytes + " bytes");
        }
        requests.receive(missing.segment().asSlice(0, bytes));
        // What follows takes its time.
        answerAll();
        PageMapMessage.checkEnd(missing);
        for (long i = 0; i < missing.wordCount(); i++) {
            if ((missing.word(i) & ~following.word(i)) != 0) {
                throw new TransportException(
                        Kind.MALFORMED, requests.peer() + " lacks pages that came before the guest");
            }
        }
        queue.fill(order.passes(arena, missing));
        pushBegun = true;
        PromptThread.of("migration-push", this::watchPush).start();
    }

    /** The guest runs at the target: all that it lacks may be pushed. */
    void goneAhead() {
        ahead.countDown();
    }

    /** False when it was over before it began. */
    private synchronized boolean startPush() {
        if (!closed) {
            sending = push.push(Pusher::new);
        }
        return !closed;
    }

    /** What one stream pushes. */
    private final class Pusher implements DataStreams.Feed {
        private final PushQueue.Part part = new PushQueue.Part();

        @Override
        public boolean sendNext(PageSender sender) throws TransportException {
            try {
                return send(sender);
            } catch (TransportException | RuntimeException | Error e) {
                // Pages have been handed out that do not go: not when others have sent all, but at once all is made
                // again.
                LOG.debug("what follows a guest is not pushed any more", e);
                requests.abort();
                throw e;
            }
        }

        private boolean send(PageSender sender) throws TransportException {
            int next = queue.nextPages();
            if (next == 0) {
                return false;
            }
            // What is waited for until it is their turn goes another way.
            int most = urgentLimit.isLimited() ? sender.awaitTurn(next) : PUSHED_TOGETHER;
            inHand.incrementAndGet();
            try {
                return sendPart(sender, most);
            } finally {
                inHand.decrementAndGet();
            }
        }

        private boolean sendPart(PageSender sender, int most) throws TransportException {
            if (!queue.take(part, most)) {
                sender.passTurn();
                return false;
            }
            int flags = (largeChunks.contains(part.first / PageSize.SMALL_PER_LARGE) ? PageFrame.FLAG_LARGE : 0)
                    | (part.ahead ? PageFrame.FLAG_AHEAD : 0);
            sender.sendPages(part.first, part.mask, flags, PageFrame.AFTERWARDS);
            return true;
        }
    }

    /** A push that breaks would leave pages out: then all connections are made again. */
    private void watchPush() {
        try {
            ahead.await();
            if (startPush()) {
                sending.await();
            }
        } catch (TransportException | RuntimeException | Error e) {
            requests.abort();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Whether the target has said anything. */
    boolean hasHeard() {
        return heard;
    }

    /** Pages sent because the guest waited for them, with those around them. */
    long urgentPages() {
        return urgentPages.get();
    }

    long contentPages() {
        return urgent.contentPages() + push.contentPages();
    }

    long zeroPages() {
        return urgent.zeroPages() + push.zeroPages();
    }

    long wireBytes() {
        return urgent.wireBytes() + push.wireBytes();
    }

    /** Breaks the connections: {@link #serve} ends with an error. */
    void abort() {
        requests.abort();
        urgentLimit.release();
        push.abort();
    }

    /** After {@link #serve}: gives the connections back. */
    @Override
    public void close() {
        synchronized (this) {
            closed = true;
        }
        ahead.countDown();
        abort();
        push.close();
        requests.close();
        arena.close();
    }
}
