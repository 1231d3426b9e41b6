package dev.godwit.agent.memoryhost;

import dev.godwit.agent.paging.Leaving;
import dev.godwit.agent.paging.Pager;
import dev.godwit.agent.paging.Place;
import dev.godwit.agent.stream.PageFrame;
import dev.godwit.agent.stream.PageSender;
import dev.godwit.agent.stream.RateLimit;
import dev.godwit.agent.stream.ZeroScan;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.agent.transport.TransportException.Kind;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.memory.Backing;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import dev.godwit.host.thread.PromptThread;
import dev.godwit.host.thread.Uninterruptibly;
import dev.godwit.host.tracking.AccessTracker;
import dev.godwit.host.tracking.HeatMap;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps a guest within the memory that it may have on its own host: takes the coldest pages out of its sight, stores them
 * at the memory host, and only when they are safe there says so in the page map. A page that the guest touches meanwhile
 * is back with it at once.
 *
 * <p>Threading: a thread of its own does the work; the rest from any.
 */
final class Evictor implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Evictor.class);
    private static final int PER_CHUNK = PageSize.SMALL_PER_LARGE;

    /** How often it looks how much the guest has. */
    private static final long LOOK_NANOS = 50_000_000;

    private static final long HEAT_NANOS = 500_000_000;

    private static final long NO_ROOM_NANOS = 1_000_000_000;

    /** Chunks that are settled at a time. */
    private static final int SETTLED = 8;

    /** Of what the guest may have, so much less is left when it had more: a sixteenth. */
    private static final int BELOW = 16;

    private final Machine machine;
    private final Pager pager;
    private final Leaving leaving;
    private final RegionLink link;
    private final RemotePages remote;
    private final Allowance allowance;
    private final long given;
    private final long batch;
    private final PageSet cold;
    private final PageSet staged;
    private final PageSet returned;
    /** Pages that the memory host has, and that are of no use there. */
    private final PageSet stale;

    private final int[] checksums;
    private final PageChecksum checksum = new PageChecksum();
    private final MemorySegment answer;
    private final Victims victims;
    private final AtomicLong storedPages = new AtomicLong();
    private final Thread thread;
    private volatile HeatMap heat;
    private long heatAt = System.nanoTime() - HEAT_NANOS - 1;
    private RegionLink.Lane lane;
    private PageSender sender;
    private int round;
    private int nextLarge;
    private long returnedSince = System.nanoTime();
    private boolean due;
    private boolean bounded;
    /** The guest moves, and waits for room, of which this host has no more. */
    private boolean waits;

    private long growAt;
    /** Whether pages may leave: not before the guest is here as a whole, nor while it is copied. */
    private boolean open;
    /** Whether some of the guest's memory may be aside, and stay there, where nobody who copies it looks. */
    private boolean unsettled;

    /** Not before this is it tried to put that back. */
    private long settleAt;

    private boolean working;
    private boolean closed;
    private volatile boolean noRoom;

    /** @param arena stays until it is closed */
    Evictor(Arena arena, Machine machine, Pager pager, RegionLink link, RemotePages remote, Allowance allowance) {
        this.machine = machine;
        this.pager = pager;
        this.leaving = pager.leaving();
        this.link = link;
        this.remote = remote;
        this.allowance = allowance;
        this.given = allowance.given();
        this.batch = allowance.batch();
        long pages = machine.memory().pages();
        this.cold = new PageSet(arena, pages);
        this.staged = new PageSet(arena, pages);
        this.returned = new PageSet(arena, pages);
        this.stale = new PageSet(arena, pages);
        this.answer = arena.allocate(StoreFrame.ANSWER_BYTES, 8);
        this.checksums = new int[Math.toIntExact(pages)];
        this.victims = new Victims(pager, cold);
        // Now, and not when somebody waits for it: a new thread waits its turn for a processor.
        this.thread = PromptThread.of("evictor", this::run);
        thread.start();
    }

    /** From now on the guest waits when it has too much, and more than the host has to give. */
    synchronized void bound() {
        bounded = true;
        boundAgain();
    }

    /** Nobody waits for room, for a moment in which the guest must have what it touches. */
    synchronized void unbound() {
        bounded = false;
        leaving.limitResident(Long.MAX_VALUE, () -> {});
    }

    /** There is another bound, if there is one. */
    private synchronized void boundAgain() {
        if (bounded) {
            leaving.limitResident(allowance.bound(), this::look);
        }
    }

    /** All of the guest that comes here of its own accord has: from now on pages leave it. */
    void start() {
        synchronized (this) {
            unsettled = true;
            settleAt = System.nanoTime();
        }
        resume();
    }

    /** Nothing leaves the guest any more, and nothing is on its way, when this returns true; false when it was given up. */
    boolean hold(BooleanSupplier givenUp) throws InterruptedException {
        boolean held;
        synchronized (this) {
            open = false;
            due = false;
            while ((working || unsettled) && !closed && !givenUp.getAsBoolean()) {
                wait(LOOK_NANOS / 1_000_000);
            }
            held = closed || !(working || unsettled);
        }
        // Whoever waits already says so again.
        boundAgain();
        return held;
    }

    /** Goes on after {@link #hold}. */
    void resume() {
        // What it was lent and has not used need not wait until pages can leave.
        allowance.shrinkTo(pager.resident());
        synchronized (this) {
            open = true;
            waits = false;
            notifyAll();
        }
        bound();
    }

    /** Somebody waits for room. */
    private synchronized void look() {
        due = true;
        notifyAll();
    }

    /** Before {@link #start}: what is at the memory host besides these pages is of no use. */
    void releaseAllBut(PageSet named) {
        stale.addAll();
        stale.removeAll(named);
    }

    private void run() {
        while (awaitWork()) {
            try {
                attempt(mustSettle() ? this::settle : isOpen() ? this::work : this::grow);
            } finally {
                workDone();
            }
        }
    }

    private static void attempt(Runnable work) {
        try {
            work.run();
        } catch (RuntimeException | Error e) {
            LOG.error("pages are not taken out of a guest for the moment", e);
        }
    }

    /**
     * What is aside and will not become whole goes back: what was assembled of a guest that came from elsewhere, and what
     * could not be put back when it had been taken out, for want of memory say.
     */
    private void settle() {
        synchronized (this) {
            // Not when it is done: something else may fail meanwhile. Nobody copies the guest as long as this works.
            unsettled = false;
        }
        try {
            for (int chunk = 0; chunk < pager.chunks() && !isClosed(); chunk++) {
                leaving.settle(chunk);
                if (chunk % SETTLED == SETTLED - 1 && isOpen()) {
                    // What was nowhere of a chunk that was taken aside is pages of zeros now.
                    attempt(this::work);
                }
            }
        } catch (RuntimeException | Error e) {
            settleLater();
            throw e;
        }
    }

    /** Some of it is still aside: as long as it is, nobody may copy the guest. */
    private synchronized void settleLater() {
        unsettled = true;
        settleAt = System.nanoTime() + NO_ROOM_NANOS;
    }

    /** The guest moves, and wants more: what the host has to give it may have. */
    private void grow() {
        if (pager.waiting() == 0) {
            nobodyWaits();
            return;
        }
        boolean more = false;
        try {
            more = allowance.grow();
        } finally {
            if (more) {
                grown();
            } else {
                growLater();
            }
        }
    }

    private synchronized void nobodyWaits() {
        waits = false;
    }

    private void grown() {
        nobodyWaits();
        boundAgain();
    }

    private synchronized void growLater() {
        if (open) {
            // It has moved meanwhile.
            return;
        }
        growAt = System.nanoTime() + NO_ROOM_NANOS;
        due = true;
        if (!waits) {
            waits = true;
            LOG.warn("a guest that moves waits for pages at {}: it has all that this host has to give", link.at());
        }
    }

    private synchronized boolean isClosed() {
        return closed;
    }

    private synchronized boolean mustSettle() {
        return unsettled && System.nanoTime() - settleAt >= 0;
    }

    private synchronized boolean isOpen() {
        return open;
    }

    private synchronized void workDone() {
        working = false;
        notifyAll();
    }

    /** False at the end. */
    private synchronized boolean awaitWork() {
        long look = System.nanoTime() + (noRoom ? NO_ROOM_NANOS : LOOK_NANOS);
        try {
            while (!closed && !mustSettle() && !isDue(look)) {
                wait(LOOK_NANOS / 1_000_000);
            }
        } catch (InterruptedException e) {
            return false;
        }
        due = false;
        working = !closed;
        return !closed;
    }

    private boolean isDue(long look) {
        long now = System.nanoTime();
        return open
                ? (due || now >= look) && machine.state() != Machine.State.STOPPED && link.store() != null
                : due && now >= growAt;
    }

    private void work() {
        RegionLink.Lane to = link.store();
        if (to == null) {
            return;
        }
        synchronized (to) {
            try {
                if (to.isBroken()) {
                    return;
                }
                use(to);
                evictDownTo();
                if (pager.resident() <= given) {
                    makeLarge();
                }
            } catch (TransportException e) {
                link.broken(to, e);
            }
        }
    }

    private void use(RegionLink.Lane to) {
        if (to != lane) {
            lane = to;
            sender = new PageSender(Arena.ofAuto(), to.connection, pager.staging(), RateLimit.none());
            round = 0;
        }
    }

    private void evictDownTo() throws TransportException {
        long least = given - given / BELOW;
        boolean first = true;
        while (!isStopping()) {
            try (Arena own = Arena.ofConfined()) {
                PageSet resident = Backing.scan(own, machine.memory()).resident();
                long have = resident.cardinality();
                leaving.residentIs(have);
                if (allowance.shrinkTo(have)) {
                    boundAgain();
                }
                if (have <= (first ? given : least)) {
                    return;
                }
                first = false;
                noteReturned();
                List<Integer> chunks = victims.choose(resident, heat(), Math.min(batch, have - least));
                if (chunks.isEmpty() || !evict(chunks)) {
                    return;
                }
            }
            leaving.madeRoom();
        }
    }

    private synchronized boolean isStopping() {
        return closed || !open;
    }

    /** What came back was accessed: so much is known without looking. */
    private void noteReturned() {
        long now = System.nanoTime();
        if (remote.drainFetched(returned)) {
            machine.accessTracker().ifPresent(tracker -> tracker.written(returned, now - returnedSince));
            stale.addAll(returned);
            returned.clear();
        }
        returnedSince = now;
    }

    /** What is known of it now, or was a moment ago: it changes slowly, and to ask takes a while. */
    private HeatMap heat() {
        long now = System.nanoTime();
        if (now - heatAt > HEAT_NANOS) {
            heatAt = now;
            heat = machine.accessTracker()
                    .filter(AccessTracker::isTracking)
                    .map(AccessTracker::map)
                    .orElse(null);
        }
        return heat;
    }

    /** False when the memory host has no room. */
    private boolean evict(List<Integer> chunks) throws TransportException {
        boolean safe = false;
        staged.clear();
        try {
            for (int chunk : chunks) {
                if (leaving.takeOut(chunk, cold) > 0) {
                    leaving.collectStaged(chunk, staged);
                    sum(chunk);
                }
            }
            release();
            for (int chunk : chunks) {
                sender.sendChunk(staged, chunk, false, PageFrame.AFTERWARDS);
            }
            safe = isStored();
            // Not sooner: of what was said on a connection that broke nobody knows whether it was heard.
            stale.clear();
        } finally {
            if (!safe) {
                // Some of it may have been kept.
                stale.addAll(staged);
            }
            boolean stored = safe;
            chunks.forEach(chunk -> putBack(chunk, stored));
        }
        if (safe == noRoom) {
            LOG.warn("memory host {} {}", link.at(), safe ? "has room again" : "has no room for more pages");
            noRoom = !safe;
        }
        return safe;
    }

    /** The guest gets what it has touched meanwhile, and all of what is not safe elsewhere. */
    private void putBack(int chunk, boolean stored) {
        try {
            if (stored) {
                commit(chunk);
            } else {
                leaving.settle(chunk);
            }
        } catch (RuntimeException | Error e) {
            // Whatever of it the guest has back need not be kept there.
            stale.addAll(staged);
            settleLater();
            LOG.error("pages of a guest stay aside for the moment", e);
        }
    }

    /** Their content does not change while they are staged. */
    private void sum(int chunk) {
        GuestMemory staging = pager.staging();
        long first = (long) chunk * PER_CHUNK;
        long end = Math.min(first + PER_CHUNK, staging.pages());
        ByteBuffer bytes = staging.segment()
                .asSlice(first << PageSize.SMALL_SHIFT, (end - first) << PageSize.SMALL_SHIFT)
                .asByteBuffer();
        for (long page = staged.next(first, end); page < end; page = staged.next(page + 1, end)) {
            checksums[(int) page] = ZeroScan.isZero(staging.segment(), page << PageSize.SMALL_SHIFT)
                    ? -1
                    : checksum.of(bytes, (int) (page - first) << PageSize.SMALL_SHIFT, PageSize.SMALL);
        }
    }

    private void release() throws TransportException {
        for (long page = stale.next(0, stale.pages());
                page < stale.pages();
                page = stale.next(page + 1, stale.pages())) {
            if (pager.map().place(page) == Place.REMOTE) {
                // It came, and has gone again before that was noticed here.
                stale.remove(page);
            }
        }
        for (int chunk = 0; chunk < pager.chunks(); chunk++) {
            sender.sendZeros(stale, chunk, PageFrame.AFTERWARDS);
        }
    }

    private boolean isStored() throws TransportException {
        sender.endRound(++round);
        lane.connection.receive(answer);
        RegionStatus status = RegionStatus.of(answer.get(PageFrame.U32, StoreFrame.STATUS));
        if (answer.get(PageFrame.U64, StoreFrame.NUMBER) != round
                || (status != RegionStatus.OK && status != RegionStatus.NO_ROOM)) {
            throw new TransportException(Kind.MALFORMED, link.at() + " answered " + status + " to round " + round);
        }
        return status == RegionStatus.OK;
    }

    private void commit(int chunk) {
        long first = (long) chunk * PER_CHUNK;
        long end = Math.min(first + PER_CHUNK, staged.pages());
        long gone = leaving.stored(chunk, staged, (map, page) -> {
            int sum = checksums[(int) page];
            map.set(page, sum < 0 ? Place.ZERO : Place.REMOTE, Math.max(0, sum));
        });
        storedPages.addAndGet(gone);
        if (gone < staged.cardinality(first, end)) {
            for (long page = staged.next(first, end); page < end; page = staged.next(page + 1, end)) {
                if (pager.map().place(page) == Place.RESIDENT) {
                    remote.cameBack(page);
                }
            }
        }
    }

    /** What has come back page by page, all of it by now, is made a large page again: one at a time, it costs half a millisecond. */
    private void makeLarge() {
        for (int i = 0; i < pager.chunks(); i++) {
            int chunk = nextLarge;
            nextLarge = (chunk + 1) % pager.chunks();
            if (pager.isCollapsible(chunk)) {
                // Not this one again before the others: it may be one that cannot be made whole.
                pager.makeLarge(chunk);
                return;
            }
        }
    }

    /** How hot a page is, as far as it is known, or was when pages last left; 0 if nothing is. */
    int heatOf(long page) {
        HeatMap known = heat;
        return known == null ? 0 : known.level(page);
    }

    /** Pages stored so far, each time counted. */
    long storedPages() {
        return storedPages.get();
    }

    /** Whether the memory host has no room for more. */
    boolean isWithoutRoom() {
        return noRoom;
    }

    /** Whether the guest moves and waits for room on its own host. */
    synchronized boolean waitsForRoom() {
        return waits;
    }

    @Override
    public void close() {
        synchronized (this) {
            closed = true;
            notifyAll();
        }
        Uninterruptibly.join(thread);
    }
}
