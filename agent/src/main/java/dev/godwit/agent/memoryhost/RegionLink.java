package dev.godwit.agent.memoryhost;

import dev.godwit.agent.stream.PageFrame;
import dev.godwit.agent.stream.PageRequest;
import dev.godwit.agent.transport.Connection;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.agent.transport.TransportException.Kind;
import dev.godwit.host.thread.PromptThread;
import dev.godwit.host.thread.Uninterruptibly;
import dev.godwit.host.thread.Urgency;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One guest's two connections to its pages at a memory host: one on which it fetches, one on which it stores. Both break
 * together and are made again for as long as it takes.
 *
 * <pre>
 *   STANDBY ── take ──▶ CONNECTED ⇄ AWAY ──▶ LOST (the pages are not there, or another's)
 * </pre>
 *
 * <p>Threading: {@link #create}, {@link #standBy}, {@link #take} and {@link #close} from one thread at a time; the rest
 * from any. Whoever uses a {@link Lane}'s connection holds the lane's lock, so that it is not closed meanwhile.
 */
final class RegionLink implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(RegionLink.class);
    private static final Lane[] NO_LANES = {};
    private static final long AGAIN_MILLIS = 250;
    private static final long WATCH_MILLIS = 500;
    private static final long GIVEN_UP_MILLIS = 20;
    private static final Duration LAST_WORDS = Duration.ofSeconds(1);

    /** One connection, until it breaks. */
    static final class Lane {
        final Connection connection;
        private volatile boolean broken;

        Lane(Connection connection) {
            this.connection = connection;
        }

        boolean isBroken() {
            return broken;
        }

        /** Whoever uses the connection returns with an error. */
        void abort() {
            broken = true;
            connection.abort();
        }

        /** Once nobody uses it. */
        void close() {
            abort();
            synchronized (this) {
                connection.close();
            }
        }
    }

    private final RegionCaller caller;
    private final Runnable onBack;
    private final Consumer<String> onLost;

    private volatile Lane fetch;
    private volatile Lane store;
    private volatile long epoch;
    private volatile long awaySince;
    /** Connections that stand by. */
    private Lane[] waiting = NO_LANES;

    /** When it was asked whether it is there, and has not been heard of since; 0 when it has. */
    private volatile long askedSince;

    private Claim claim = Claim.NONE;
    private Thread keeper;

    /**
     * Not connected yet.
     *
     * @param onBack the memory host can be reached again
     * @param onLost it has not got the pages any more, and why; called once
     */
    RegionLink(RegionCaller caller, Runnable onBack, Consumer<String> onLost) {
        this.caller = caller;
        this.onBack = onBack;
        this.onLost = onLost;
    }

    /** Something has come on {@link #fetch}. */
    void heard() {
        askedSince = 0;
    }

    private boolean isSilent() {
        long since = askedSince;
        return since != 0 && System.nanoTime() - since > caller.stall().toNanos();
    }

    /** Makes the region, which this side owns then. */
    void create() throws TransportException {
        connect(RegionRequest.CREATE, 0);
        claim(Claim.OWNED);
    }

    /** Waits for {@link #take} on connections that {@link RegionCaller#standBy stand by}, which it owns from now on. */
    void standBy(Lane[] lanes) {
        // Not for anybody's use before the region is this side's.
        waiting = lanes;
    }

    /**
     * Becomes the owner: whoever was cannot read or write the pages any more.
     *
     * @param from the epoch of the one who gives them up
     */
    void take(long from) throws TransportException {
        try {
            Lane[] lanes = waiting;
            become(lanes, RegionRequest.TAKE, from);
            waiting = NO_LANES;
            claim(Claim.OWNED);
        } finally {
            closeWaiting();
        }
    }

    private void closeWaiting() {
        for (Lane lane : waiting) {
            lane.close();
        }
        waiting = NO_LANES;
    }

    /**
     * The guest is about to leave, and its pages with it: until {@link #stay}, {@link #takeBack} or {@link #handOver} it
     * is no loss to be told that another has them. After {@link #takeBack} waits first until the pages are this side's
     * again: who took them before could be their next owner, with the guest.
     *
     * @param givenUp asked some times a second while it waits
     * @return false when it was given up
     */
    boolean hold(BooleanSupplier givenUp) throws InterruptedException {
        while (!tryHold()) {
            // Its locks are not to be taken within this one's.
            if (givenUp.getAsBoolean()) {
                return false;
            }
        }
        return true;
    }

    private synchronized boolean tryHold() throws InterruptedException {
        long until = System.nanoTime() + GIVEN_UP_MILLIS * 1_000_000;
        while (claim == Claim.TAKING_BACK) {
            if (System.nanoTime() >= until) {
                return false;
            }
            wait(GIVEN_UP_MILLIS);
        }
        claim(Claim.HELD);
        return true;
    }

    /** After {@link #hold}, also one that was given up: the guest stays, and nobody has been offered its pages. */
    synchronized void stay() {
        if (claim == Claim.HELD) {
            claim(Claim.OWNED);
        }
    }

    /** After {@link #hold}: the pages are whoever's takes them, until {@link #takeBack} or {@link #handOver}. */
    synchronized void offer() {
        claim(Claim.OFFERED);
    }

    /**
     * After {@link #offer}, becomes the owner again, whoever was meanwhile: of a guest that did not get away. An attempt
     * to connect that is under way just now does not do: it attaches to the epoch before.
     */
    void takeBack() {
        claim(Claim.TAKING_BACK);
        drop();
    }

    private synchronized void claim(Claim next) {
        claim = claim.then(next);
        notifyAll();
    }

    /** Has the pages deleted if they are this side's, and the memory host hears it. Nobody stores any. */
    void sayGone() {
        synchronized (this) {
            if (!claim.isOurs()) {
                return;
            }
            // What breaks from here on is not made again.
            claim(Claim.OVER);
        }
        Lane lane = store;
        if (lane == null || lane.isBroken()) {
            LOG.warn("memory host {} is away, and keeps pages that nobody needs until it forgets them", at());
            return;
        }
        synchronized (lane) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment message = arena.allocate(PageFrame.HEADER_BYTES, 8);
                message.set(PageFrame.U32, PageFrame.TYPE, StoreFrame.GONE);
                lane.connection.setStall(LAST_WORDS);
                lane.connection.send(message);
                lane.connection.receive(message.asSlice(0, StoreFrame.ANSWER_BYTES));
            } catch (TransportException e) {
                LOG.warn("memory host {} keeps pages that nobody needs: {}", at(), e.getMessage());
            }
        }
    }

    /** Gives up without giving the pages up: they are another's. */
    void handOver() {
        claim(Claim.OVER);
        drop();
    }

    private void connect(int type, long from) throws TransportException {
        caller.both(lanes -> become(lanes, type, from));
    }

    /**
     * Takes the pages from whoever has them now. The request names that epoch: should it be given up and arrive after
     * all, when others are their owners, it is refused.
     */
    private void connectAgain() throws TransportException {
        caller.both(lanes -> {
            long now = caller.ask(lanes[RegionCaller.FETCH], RegionRequest.STANDBY, 0)
                    .epoch();
            become(lanes, RegionRequest.TAKE, now);
        });
    }

    /** The owner, by the answer to the one request, with both connections. */
    private void become(Lane[] lanes, int type, long from) throws TransportException {
        epoch = caller.ask(lanes[RegionCaller.FETCH], type, from).epoch();
        caller.ask(lanes[RegionCaller.STORE], RegionRequest.ATTACH, epoch);
        use(lanes[RegionCaller.FETCH], lanes[RegionCaller.STORE]);
    }

    private synchronized void use(Lane first, Lane second) throws TransportException {
        if (isOver()) {
            throw new TransportException(Kind.BROKEN, "given up");
        }
        fetch = first;
        store = second;
        awaySince = 0;
        askedSince = 0;
        if (keeper == null) {
            Thread made = PromptThread.of("memory-host-link", this::keep);
            made.start();
            // Not sooner: where there is no thread to be had now, there may be one the next time.
            keeper = made;
        }
    }

    /** Connects again what has broken. */
    private void keep() {
        while (awaitBroken()) {
            drop();
            letTake();
            try {
                if (isTakingBack()) {
                    connectAgain();
                    claim(Claim.OWNED);
                } else {
                    connect(RegionRequest.ATTACH, epoch);
                }
                LOG.info("memory host {} is back", at());
                onBack.run();
            } catch (RegionCaller.Refusal e) {
                if (isLostBy(e.status())) {
                    LOG.error("{}", e.getMessage());
                    handOver();
                    onLost.accept(e.getMessage());
                    return;
                }
                pause(e);
            } catch (TransportException | RuntimeException | Error e) {
                pause(e);
            }
        }
    }

    private synchronized boolean isLostBy(RegionStatus answer) {
        return claim.isLostBy(answer);
    }

    private synchronized boolean isTakingBack() {
        return claim == Claim.TAKING_BACK;
    }

    /** False at the end. */
    private boolean awaitBroken() {
        while (isWellUntil(System.nanoTime() + caller.stall().toNanos() / 4)) {
            ping();
        }
        return !isOver();
    }

    /** Whether nothing was to be done all the time. */
    private synchronized boolean isWellUntil(long nanos) {
        while (isWell() && nanos - System.nanoTime() > 0) {
            try {
                wait(WATCH_MILLIS);
                if (isSilent()) {
                    // Nobody sits and reads there who would notice.
                    broken(fetch, new TransportException(Kind.STALLED, at() + " does not answer"));
                }
            } catch (InterruptedException e) {
                // Only a close ends it.
                LOG.debug("interrupted, and goes on", e);
            }
        }
        return isWell();
    }

    private boolean isWell() {
        return !isOver() && isConnected() && !isTakingBack();
    }

    private synchronized boolean isOver() {
        return claim == Claim.OVER;
    }

    /** Else the next one to notice that nobody is there would be a guest that wants a page. */
    private void ping() {
        Lane lane = fetch;
        if (lane == null) {
            return;
        }
        // The pager may want the lock: it would wait until whoever has it gets a processor again.
        try (Arena arena = Arena.ofConfined();
                Urgency _ = Urgency.begin()) {
            MemorySegment sign = arena.allocate(PageRequest.BYTES, 8);
            sign.set(PageFrame.U32, PageRequest.TYPE, PageRequest.PING);
            synchronized (lane) {
                if (!lane.isBroken()) {
                    lane.connection.send(sign);
                    if (askedSince == 0) {
                        askedSince = System.nanoTime();
                    }
                }
            }
        } catch (TransportException e) {
            broken(lane, e);
        }
    }

    private void pause(Throwable why) {
        LOG.debug("memory host {} is still away: {}", at(), why.getMessage());
        rest(() -> false);
    }

    /** Most likely another is just taking the pages, with the guest, which stands still for as long as that takes. */
    private void letTake() {
        rest(() -> !isLeaving());
    }

    private synchronized boolean isLeaving() {
        return claim.isLeaving();
    }

    private synchronized void rest(BooleanSupplier over) {
        long until = System.nanoTime() + AGAIN_MILLIS * 1_000_000;
        for (long left = AGAIN_MILLIS;
                left > 0 && !isOver() && !over.getAsBoolean();
                left = (until - System.nanoTime()) / 1_000_000) {
            try {
                wait(left);
            } catch (InterruptedException e) {
                LOG.debug("interrupted, and goes on", e);
            }
        }
    }

    /** The connection for fetching, or null. */
    Lane fetch() {
        return fetch;
    }

    /** The connection for storing, or null. */
    Lane store() {
        return store;
    }

    /** A lane broke: the other is of no use either. */
    void broken(Lane lane, TransportException why) {
        synchronized (this) {
            if (isOver() || (lane != fetch && lane != store)) {
                return;
            }
            if (awaySince == 0) {
                awaySince = System.nanoTime();
                if (!isLeaving()) {
                    LOG.warn("memory host {} is away: {}", at(), why.getMessage());
                }
            }
            abort(fetch);
            abort(store);
            notifyAll();
        }
    }

    private static void abort(Lane lane) {
        if (lane != null) {
            lane.abort();
        }
    }

    private void drop() {
        Lane first;
        Lane second;
        synchronized (this) {
            first = fetch;
            second = store;
            fetch = null;
            store = null;
            if (awaySince == 0) {
                awaySince = System.nanoTime();
            }
            notifyAll();
        }
        if (first != null) {
            first.close();
        }
        if (second != null) {
            second.close();
        }
    }

    boolean isConnected() {
        Lane first = fetch;
        Lane second = store;
        return first != null && !first.isBroken() && second != null && !second.isBroken();
    }

    /** For how long it has been away, in nanoseconds; 0 while it is there. */
    long awayNanos() {
        long since = awaySince;
        return isConnected() || since == 0 ? 0 : System.nanoTime() - since;
    }

    /** Which of the region's owners this side is. */
    long epoch() {
        return epoch;
    }

    String at() {
        return caller.config().at();
    }

    /** Breaks the connections for good. */
    @Override
    public void close() {
        handOver();
        closeWaiting();
        Thread last;
        synchronized (this) {
            last = keeper;
        }
        // It may be its own thread that found the pages lost, and so ended the guest.
        boolean own = last != null && last.threadId() == Thread.currentThread().threadId();
        if (last != null && !own) {
            Uninterruptibly.join(last);
        }
    }
}
