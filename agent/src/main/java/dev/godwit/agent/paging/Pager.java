package dev.godwit.agent.paging;

import dev.godwit.bindings.linux.EventCalls;
import dev.godwit.bindings.linux.FileCalls;
import dev.godwit.bindings.linux.PollSet;
import dev.godwit.bindings.linux.SystemCallException;
import dev.godwit.host.memory.Backing;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.memory.MissingPages;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import dev.godwit.host.memory.Userfault;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.HdrHistogram.Histogram;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Lets a guest run while some of its pages are elsewhere: a touch of one is a userfaultfd fault, which the pager resolves
 * by asking the page's store and putting in what comes. It alone changes where a page is.
 *
 * <p>It looks after faults on one thread, which spins while somebody waits and for a moment after, since waking it costs
 * more than a fault. That thread also takes what an urgent store delivers; other deliveries come on threads of their own.
 *
 * <p>Order: {@link #arm} while the guest is paused, {@link #start}, the guest runs, {@link #complete} tells when all
 * pages are here, then {@link #finish}, or at any time {@link #close}.
 *
 * <p>Threading: {@link #arm}, {@link #start}, {@link #finish} and {@link #close} from one thread at a time; all else from
 * any.
 *
 * <p>Source: {@code Documentation/admin-guide/mm/userfaultfd.rst}.
 */
public final class Pager implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Pager.class);
    private static final int MESSAGES = 64;
    private static final int WAKEUP = 0;
    private static final int FAULTS = 1;
    private static final int STORE = 2;

    /** As long as this nothing has to happen before the thread sleeps. */
    private static final long SPIN_NANOS = 50_000;

    /** The same while somebody waits: longer than a fetch takes, and not for as long as a network is broken. */
    private static final long WAITING_SPIN_NANOS = 2_000_000;

    /** How often small pages are made large ones, with a pause in between for what prevents it to pass. */
    private static final int COLLAPSES = 8;

    private static final long COLLAPSE_AGAIN_NANOS = 20_000_000;

    /** Pages asked for together with the one that is waited for, in an aligned window: 64 KiB. */
    private static final int WINDOW = 16;

    private final GuestMemory memory;
    private final GuestMemory staging;
    private final Arena arena = Arena.ofShared();
    private final Userfault userfault;
    private final PageMap map;
    private final Chunks chunks;
    /** Pages that a store has been asked for; the pager's thread alone uses it. */
    private final PageSet asked;

    private final FaultTimes times = new FaultTimes();
    private final AtomicLong elsewhere = new AtomicLong();
    private final CompletableFuture<Void> complete = new CompletableFuture<>();
    private final int wakeup;
    private final Thread thread = Thread.ofPlatform().name("pager").daemon().unstarted(this::run);
    private PageStore store;
    private volatile boolean askAgain;
    private volatile boolean ending;
    private boolean closed;

    /**
     * A pager of a guest's memory, which it does not touch yet.
     *
     * @throws SystemCallException when the host has no userfaultfd for it; {@code godwit check} says how it would
     */
    public Pager(GuestMemory memory) {
        this.memory = memory;
        this.userfault = Userfault.open();
        // Only what is on its way in takes memory here.
        this.staging = GuestMemory.allocate(
                memory.size(), memory.largePages() == LargePages.NONE ? LargePages.NONE : LargePages.THP);
        this.map = new PageMap(arena, memory.pages());
        this.chunks = new Chunks(arena, userfault, memory, staging, map);
        this.asked = new PageSet(arena, memory.pages());
        this.wakeup = SystemCallException.checkInt(
                EventCalls.eventfd(0, EventCalls.EFD_NONBLOCK | EventCalls.EFD_CLOEXEC), "eventfd");
    }

    /** Where the pages are. */
    public PageMap map() {
        return map;
    }

    /** Where stores put what they deliver, each page by its number; nothing else may be written there. */
    public GuestMemory staging() {
        return staging;
    }

    /**
     * Says which pages are elsewhere, and hides what the guest's memory has in their place. The guest is paused, and
     * nobody writes to its memory.
     */
    public void arm(PageSet absent, Place place) {
        boolean moves = memory.largePages() != LargePages.HUGETLB;
        if (moves) {
            userfault.register(memory.hva(), memory.size());
            userfault.register(staging.hva(), staging.size());
        }
        long pages = memory.pages();
        for (long page = absent.next(0, pages); page < pages; ) {
            int chunk = Chunks.of(page);
            synchronized (chunks.lockOf(chunk)) {
                elsewhere.addAndGet(chunks.takeAside(chunk, absent, place));
            }
            page = absent.next(chunks.end(chunk), pages);
        }
        if (moves) {
            // Stores fill it by ordinary writes.
            userfault.unregister(staging.hva(), staging.size());
        } else {
            // Not sooner: what is taken aside is read, and to read a page that is not there would wait for ever.
            userfault.register(memory.hva(), memory.size());
        }
        memory.watch(new Waiter());
        if (elsewhere.get() == 0) {
            complete.complete(null);
        }
    }

    /** How the host's own code, which must not wait for a page within Java, gets at them. */
    private final class Waiter implements MissingPages {
        @Override
        public void giveUp() {
            // Everybody who waits finds zeros, and no guest runs any more that could see them.
            ending = true;
            userfault.unregister(memory.hva(), memory.size());
        }

        @Override
        public long count() {
            return elsewhere.get();
        }
    }

    /** Begins to resolve faults. */
    public void start(PageStore from) {
        store = from;
        thread.start();
    }

    /** Pages that are still elsewhere. */
    public long elsewhere() {
        return elsewhere.get();
    }

    /** Pages that somebody waits for right now. */
    public int waiting() {
        return times.waiting().length;
    }

    /** Completes when no page is elsewhere any more. */
    public CompletableFuture<Void> complete() {
        return complete.copy();
    }

    /** How long those waited who touched a missing page, in nanoseconds from the pager's notice of it. */
    public Histogram faultTimes() {
        return times.histogram();
    }

    /** Chunks of 2 MiB that went in page by page. */
    public long brokenChunks() {
        return chunks.broken();
    }

    /** The pages that are still elsewhere, into {@code into}; exact when nothing arrives meanwhile, else too many. */
    public void collectElsewhere(PageSet into) {
        for (int chunk = 0; chunk < chunks.count(); chunk++) {
            for (long page = chunks.first(chunk); chunks.missing(chunk) > 0 && page < chunks.end(chunk); page++) {
                if (chunks.isElsewhere(page)) {
                    into.add(page);
                }
            }
        }
    }

    /**
     * Pages have come into {@link #staging}. Content that has come before is no harm.
     *
     * @param first the first page
     * @param count how many, within one 2 MiB chunk
     */
    public void arrived(long first, long count) {
        try {
            putIn(first, count);
        } catch (RuntimeException | Error e) {
            // What could not be put in is nowhere any more: nobody would bring it again.
            complete.completeExceptionally(e);
            throw e;
        }
    }

    private void putIn(long first, long count) {
        int chunk = Chunks.of(first);
        int fresh;
        synchronized (chunks.lockOf(chunk)) {
            if (ending) {
                return;
            }
            fresh = chunks.arrived(chunk, first, first + count, times.waitingIn(first, first + count));
            if (chunks.isComplete(chunk)) {
                times.resolved(chunks.first(chunk), chunks.end(chunk));
            } else {
                resolveSingly(chunk, first, first + count);
            }
        }
        if (fresh > 0 && elsewhere.addAndGet(-fresh) == 0) {
            complete.complete(null);
        }
    }

    private void resolveSingly(int chunk, long from, long to) {
        for (long page = times.waitingIn(from, to); page >= 0; page = times.waitingIn(page + 1, to)) {
            if (chunks.isStaged(page) && chunks.mayPutInSingly()) {
                chunks.putIn(chunk, page, page + 1);
            }
            if (!chunks.isElsewhere(page) && !chunks.isStaged(page)) {
                times.resolved(page, page + 1);
            }
        }
    }

    /** A store can be reached again that had forgotten what it was asked for. */
    public void askAgain() {
        askAgain = true;
        EventCalls.add(wakeup, 1);
    }

    private void run() {
        try (Arena own = Arena.ofConfined()) {
            PollSet descriptors = new PollSet(own, 3);
            descriptors.set(WAKEUP, wakeup);
            descriptors.set(FAULTS, userfault.fd());
            MemorySegment messages = own.allocate(MESSAGES * Userfault.MESSAGE, 8);
            long idleSince = System.nanoTime();
            while (!ending) {
                long spin = times.anyWaiting() ? WAITING_SPIN_NANOS : SPIN_NANOS;
                boolean sleep = System.nanoTime() - idleSince > spin;
                descriptors.set(STORE, store.descriptor());
                if (SystemCallException.check(descriptors.await(sleep ? -1 : 0), "poll") > 0) {
                    work(descriptors, messages);
                    idleSince = System.nanoTime();
                } else {
                    Thread.onSpinWait();
                }
            }
        } catch (RuntimeException | Error e) {
            if (ending) {
                return;
            }
            LOG.error("the pager failed; its guest waits for pages that nobody brings", e);
            complete.completeExceptionally(e);
        }
    }

    private void work(PollSet descriptors, MemorySegment messages) {
        if (descriptors.isReady(FAULTS)) {
            int count = userfault.read(messages);
            for (int i = 0; i < count; i++) {
                if (Userfault.isFault(messages, i)) {
                    fault((Userfault.faultAddress(messages, i) - memory.hva()) >>> PageSize.SMALL_SHIFT);
                }
            }
        }
        if (descriptors.isReady(STORE)) {
            store.receive();
        }
        if (descriptors.isReady(WAKEUP)) {
            EventCalls.take(wakeup);
        }
        if (askAgain) {
            askAgain = false;
            asked.clear();
            for (long page : times.waiting()) {
                ask(page);
            }
        }
    }

    private void fault(long page) {
        long noticed = System.nanoTime();
        int chunk = Chunks.of(page);
        synchronized (chunks.lockOf(chunk)) {
            if (chunks.isComplete(chunk)) {
                if (map.place(page) == Place.RESIDENT) {
                    chunks.zeroFill(chunk, page);
                }
            } else if (chunks.isElsewhere(page)) {
                times.waiting(page);
            } else if (!chunks.isStaged(page)) {
                chunks.wake(page);
            } else if (chunks.mayPutInSingly() && (chunks.isSplit(chunk) || chunks.missing(chunk) > Chunks.FEW)) {
                chunks.putIn(chunk, page, page + 1);
            } else {
                // Very few are missing: when they are here all goes in as one.
                times.waiting(page);
            }
        }
        if (times.waitingIn(page, page + 1) >= 0) {
            ask(page);
        } else {
            times.resolvedAtOnce(System.nanoTime() - noticed);
        }
    }

    /** Asks for what it takes that this page can be put in. */
    private void ask(long page) {
        int chunk = Chunks.of(page);
        long from = chunks.first(chunk);
        long to = chunks.end(chunk);
        boolean all;
        synchronized (chunks.lockOf(chunk)) {
            all = chunks.missing(chunk) <= Chunks.FEW || !chunks.mayPutInSingly();
        }
        if (!all) {
            from = page & -WINDOW;
            to = Math.min(from + WINDOW, to);
        }
        for (long at = nextToAsk(from, to); at < to; at = nextToAsk(at, to)) {
            long stop = at + 1;
            while (stop < to && mustAsk(stop)) {
                stop++;
            }
            asked.addRange(at, stop - at);
            store.request(at, (int) (stop - at));
            at = stop;
        }
    }

    private long nextToAsk(long from, long to) {
        long at = from;
        while (at < to && !mustAsk(at)) {
            at++;
        }
        return at;
    }

    private boolean mustAsk(long page) {
        return chunks.isElsewhere(page) && !asked.contains(page);
    }

    /**
     * After {@link #complete}: the memory is the kernel's alone again, and chunks that went in by small pages are made
     * large pages. The guest may run.
     *
     * @param large numbers of the chunks that are to be large pages, as they were where the guest came from
     */
    public void finish(PageSet large) {
        stop();
        memory.watch(null);
        userfault.unregister(memory.hva(), memory.size());
        if (memory.largePages() == LargePages.THP) {
            for (int i = 0; i < COLLAPSES && !collapse(large); i++) {
                LockSupport.parkNanos(COLLAPSE_AGAIN_NANOS);
            }
        }
    }

    /** Whether all were large pages before. */
    private boolean collapse(PageSet large) {
        boolean all = true;
        try (Arena own = Arena.ofShared()) {
            Backing backing = Backing.scan(own, memory);
            for (long chunk = large.next(0, large.pages());
                    chunk < large.pages();
                    chunk = large.next(chunk + 1, large.pages())) {
                if (!backing.largeChunks().contains(chunk)) {
                    chunks.collapse(chunk);
                    all = false;
                }
            }
        }
        return all;
    }

    private void stop() {
        ending = true;
        EventCalls.add(wakeup, 1);
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Gives everything back; no store delivers any more. A page that is still elsewhere is zeros from now on. */
    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        stop();
        memory.watch(null);
        userfault.close();
        FileCalls.close(wakeup);
        staging.close();
        arena.close();
    }
}
