package dev.godwit.agent.paging;

import dev.godwit.bindings.linux.EventCalls;
import dev.godwit.bindings.linux.FileCalls;
import dev.godwit.bindings.linux.SystemCallException;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import dev.godwit.host.memory.Userfault;
import dev.godwit.host.thread.PromptThread;
import dev.godwit.host.thread.Uninterruptibly;
import dev.godwit.host.thread.Urgency;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.HdrHistogram.Histogram;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Lets a guest run while some of its pages are elsewhere: a touch of one is a userfaultfd fault, which the pager resolves
 * by asking the page's store and putting in what comes; pages that are to be elsewhere go by {@link #leaving}. It alone
 * changes where a page is.
 *
 * <p>It looks after faults on one thread, which spins for a moment while somebody waits, since waking it costs
 * more than a fault. That thread also takes what stores deliver on their descriptors; other deliveries come on threads of
 * their own.
 *
 * <p>Order: {@link #locate} and {@link #arm} while the guest is paused, {@link #attach} of each store, {@link #start}, the
 * guest runs. A guest whose pages only pass through other places is done with when {@link #complete}
 * says that all are here: {@link #finish}. {@link #close} at any time.
 *
 * <p>Threading: {@link #locate}, {@link #arm}, {@link #start}, {@link #finish} and {@link #close} from one thread at a time;
 * all else from any.
 *
 * <p>Source: {@code Documentation/admin-guide/mm/userfaultfd.rst}.
 */
public final class Pager implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Pager.class);

    private final GuestMemory memory;
    private final GuestMemory staging;
    private final GuestMemory bench;
    private final Arena arena = Arena.ofShared();
    private final Userfault userfault;
    private final Shuttle shuttle;
    private final PageMap map;
    private final PageAccount account;
    /** Those that are elsewhere when the guest begins to run. */
    private final PageSet absent;

    private final Chunks chunks;
    private final ChunkLocks locks = new ChunkLocks();
    private final HostUse use;
    private final AtomicReferenceArray<PageStore> stores = new AtomicReferenceArray<>(Place.count());
    private final FaultTimes times = new FaultTimes();
    private final CompletableFuture<Void> complete = new CompletableFuture<>();
    private final CompletableFuture<Throwable> failure = new CompletableFuture<>();
    private final int wakeup;
    private final Faults faults;
    private final Leaving leaving;
    /** Some of what is elsewhere stays there until it is wanted; else {@link #finish} follows. */
    private boolean staying;

    private final CountDownLatch begun = new CountDownLatch(1);
    private final Thread thread;
    private volatile boolean ending;
    /** Its memory may be unmapped, and its addresses another guest's: who would touch them looks, under a chunk's lock. */
    private volatile boolean gone;

    private boolean closed;

    /**
     * A pager of a guest's memory, which it does not touch yet.
     *
     * @throws SystemCallException when the host has no userfaultfd for it; {@code godwit check} says how it would
     */
    public Pager(GuestMemory memory) {
        this.memory = memory;
        Deque<Runnable> taken = new ArrayDeque<>(List.of(arena::close));
        try {
            this.userfault = Userfault.open();
            taken.push(userfault::close);
            LargePages small = memory.largePages() == LargePages.NONE ? LargePages.NONE : LargePages.THP;
            // Only what is on its way in or out takes memory here, and large pages that wait for what comes.
            this.staging = GuestMemory.allocate(memory.size(), small);
            taken.push(staging::close);
            this.bench = GuestMemory.allocate(2L * ChunkLocks.COUNT * PageSize.LARGE, small);
            taken.push(bench::close);
            this.shuttle = new Shuttle(userfault, memory, staging, bench);
            this.map = new PageMap(arena, memory.pages());
            this.account = new PageAccount(arena, memory, map);
            this.absent = new PageSet(arena, memory.pages());
            this.use = new HostUse(locks, account, this::giveUp);
            this.chunks = new Chunks(arena, shuttle, staging, account, use, locks);
            this.wakeup = SystemCallException.checkInt(
                    EventCalls.eventfd(0, EventCalls.EFD_NONBLOCK | EventCalls.EFD_CLOEXEC), "eventfd");
            int event = wakeup;
            taken.push(() -> FileCalls.close(event));
            this.faults = new Faults(memory, userfault, chunks, map, times, stores, wakeup, () -> ending);
            this.leaving = new Leaving(chunks, account, use, times, faults, () -> ending);
            // Now, and not when a guest stands still until it runs: a new thread waits its turn for a processor.
            this.thread = PromptThread.urgent("pager", this::run);
            thread.start();
        } catch (RuntimeException | Error e) {
            taken.forEach(Runnable::run);
            throw e;
        }
    }

    /** Where the pages are. */
    public PageMap map() {
        return map;
    }

    /** The way out for pages that are to be elsewhere. */
    public Leaving leaving() {
        return leaving;
    }

    /** Where stores put what they deliver, each page by its number; nothing else may be written there. */
    public GuestMemory staging() {
        return staging;
    }

    /**
     * Says that these pages are elsewhere, in a place without frames, and others that have been named before, too. The
     * guest is paused, and {@link #arm} follows.
     *
     * @throws IllegalArgumentException when that parts a chunk of reserved large pages, which go in and out whole only
     */
    public void locate(PageSet pages, Place place) {
        if (shuttle.isHugetlb() && !pages.isOfWholeChunks()) {
            throw new IllegalArgumentException("some pages of a reserved large page are elsewhere, and some are not");
        }
        map.setAll(pages, place);
        areElsewhere(pages, place);
    }

    /** As {@link #locate(PageSet, Place)}, each in its frame, of which there are as many and in their order. */
    public void locate(PageSet pages, Place place, int[] frames) {
        map.setAll(pages, place, frames);
        areElsewhere(pages, place);
    }

    /** Takes {@link #locate} back, before {@link #arm}: these of the pages that were named are here after all. */
    public void unlocate(PageSet pages, Place place) {
        map.setAll(pages, Place.RESIDENT);
        absent.removeAll(pages);
        account.areElsewhere(place, -pages.cardinality());
    }

    private void areElsewhere(PageSet pages, Place place) {
        staying |= !place.isPassing();
        absent.addAll(pages);
        account.areElsewhere(place, pages.cardinality());
    }

    /**
     * Hides what the guest's memory has in place of pages that are elsewhere. The guest is paused, and nobody writes to its
     * memory.
     */
    public void arm() {
        new Arming(memory, staging, userfault, shuttle, chunks, staying).hide(absent);
        if (!staying && !absent.isEmpty()) {
            // Not sooner: staging memory, into which that moves, would be in small pages, too.
            memory.expectFaults(true);
        }
        memory.watch(use);
        completeIfSo();
    }

    /**
     * These 2 MiB chunks, by number, are to be large pages as soon as all of them is here, as they were where the guest
     * comes from; before {@link #arm}.
     */
    public void preferLarge(PageSet large) {
        chunks.preferLarge(large);
    }

    /** Lets the guest see what was taken aside and lacks nothing; it would see it anyway as soon as it touches it. */
    public void settleWhole() {
        for (int chunk = 0; chunk < chunks.count(); chunk++) {
            if (chunks.isComplete(chunk)) {
                continue;
            }
            // The pager's thread may want the lock: it would wait until whoever has it gets a processor again.
            try (Urgency _ = Urgency.begin()) {
                synchronized (chunks.lockOf(chunk)) {
                    if (!ending && !chunks.isComplete(chunk) && chunks.missing(chunk) == 0) {
                        chunks.settle(chunk);
                        faults.resolve(chunk, chunks.first(chunk), chunks.end(chunk));
                    }
                }
            }
        }
    }

    /** Everybody who waits finds zeros, and no guest runs any more that could see them. */
    private void giveUp() {
        synchronized (locks.of(0)) {
            // Once: by the next time it may be unmapped.
            if (!gone) {
                gone = true;
                ending = true;
                userfault.unregister(memory.hva(), memory.size());
                EventCalls.add(wakeup, 1);
            }
        }
        // Its memory may be unmapped next.
        locks.awaitAll();
    }

    /** Says who brings the pages of a place. */
    public void attach(Place place, PageStore store) {
        stores.set(place.code(), store);
        EventCalls.add(wakeup, 1);
    }

    /** Begins to resolve faults. */
    public void start() {
        begun.countDown();
    }

    private void run() {
        try {
            Uninterruptibly.await(begun::await);
            faults.serve();
        } catch (RuntimeException | Error e) {
            if (!ending) {
                LOG.error("the pager failed; its guest waits for pages that nobody brings", e);
                fail(e);
            }
        }
    }

    private void fail(Throwable why) {
        complete.completeExceptionally(why);
        failure.complete(why);
    }

    /** Pages that have still to come, whether or not the guest asks for them. */
    public long elsewhere() {
        return account.passing();
    }

    /** Pages in a place that has a store. */
    public long elsewhere(Place place) {
        return account.elsewhere(place);
    }

    /** Pages that somebody waits for right now. */
    public int waiting() {
        return times.waiting().length;
    }

    /** Whether somebody waits right now for a page in this place. */
    public boolean isWaitedFor(Place place) {
        for (long page : times.waiting()) {
            if (map.place(page) == place) {
                return true;
            }
        }
        return false;
    }

    /** Completes when no page has still to come of its own accord. */
    public CompletableFuture<Void> complete() {
        return complete.copy();
    }

    /** Completes, on the pager's thread, with what went wrong when no fault is resolved any more. */
    public CompletableFuture<Throwable> failure() {
        return failure.copy();
    }

    private void completeIfSo() {
        if (account.passing() == 0) {
            complete.complete(null);
        }
    }

    /**
     * Says whose waits are told apart, before any; else all are others'.
     *
     * @param threads the kernel's numbers of the vCPUs' threads
     */
    public void tellApart(int[] threads) {
        times.tellApart(threads);
    }

    /**
     * How long each has waited for pages that had to be fetched, in nanoseconds: first all who are not told apart, then
     * the vCPUs. Waits that are not over are not in there.
     */
    public long[] blockedNanos() {
        return times.blocked();
    }

    /**
     * How long those waited who touched a page that had to be fetched, or whose chunk had to be before it could go in as
     * one, in nanoseconds from the pager's notice of it. Who was helped {@link #faultsAtOnce at once} is not in there.
     */
    public Histogram faultTimes() {
        return times.histogram();
    }

    /** How many touches of pages that the guest did not see could be resolved at once, as nothing had to come. */
    public long faultsAtOnce() {
        return times.atOnce();
    }

    /** How often a chunk of 2 MiB came to be in small pages. */
    public long brokenChunks() {
        return chunks.broken();
    }

    /** The pages that have still to come, into {@code into}; exact when nothing arrives meanwhile, else too many. */
    public void collectElsewhere(PageSet into) {
        for (int chunk = 0; chunk < chunks.count(); chunk++) {
            for (long page = chunks.first(chunk); account.missing(chunk) > 0 && page < chunks.end(chunk); page++) {
                if (account.isElsewhere(page) && map.place(page).isPassing()) {
                    into.add(page);
                }
            }
        }
    }

    /**
     * Pages have come into {@link #staging}. What has come before is no harm, as long as nothing is {@link
     * Leaving#takeOut taken out}, which is on its way through the same memory.
     *
     * @param from where they were
     * @param first the first page
     * @param count how many, within one 2 MiB chunk
     */
    public void arrived(Place from, long first, long count) {
        arrived(from, first, count, false);
    }

    /**
     * As {@link #arrived(Place, long, long)}.
     *
     * @param ahead hot pages that come long before the rest of their chunk: the guest has them at once, without a fault at
     *     each; the price is a chunk in small pages until all of it is here
     */
    public void arrived(Place from, long first, long count, boolean ahead) {
        // As in settleWhole.
        try (Urgency _ = Urgency.begin()) {
            putIn(from, first, count, null, ahead);
        }
    }

    /**
     * Pages have come, to be put where they belong before this returns. Those that are not in that place any more are
     * left alone: a page that came, was written and went elsewhere is never that of the first time.
     *
     * @param from where they were
     * @param first the first page
     * @param count how many, within one 2 MiB chunk
     * @param content native memory with their content
     */
    public void arrived(Place from, long first, long count, MemorySegment content) {
        putIn(from, first, count, content, false);
    }

    private void putIn(Place from, long first, long count, MemorySegment content, boolean ahead) {
        int chunk = Chunks.of(first);
        try {
            synchronized (chunks.lockOf(chunk)) {
                if (ending) {
                    return;
                }
                long waited = times.waitingIn(first, first + count);
                if (content == null) {
                    chunks.arrived(from, chunk, first, first + count, waited, ahead);
                } else {
                    chunks.arrived(from, chunk, first, first + count, content, waited >= 0);
                }
                faults.resolve(chunk, first, first + count);
            }
            completeIfSo();
        } catch (RuntimeException | Error e) {
            // What could not be put in is nowhere any more: nobody would bring it again.
            fail(e);
            throw e;
        }
    }

    /** Says how hot pages are, for the order in which those are asked for that are waited for at the same time. */
    public void heat(PageHeat known) {
        faults.heat(known);
    }

    /** A store has another descriptor. */
    public void storeChanged() {
        EventCalls.add(wakeup, 1);
    }

    /** A store can be reached again that had forgotten what it was asked for. */
    public void askAgain() {
        faults.askAgain();
    }

    /** Pages that the guest has, and those aside on their way, about; {@link Leaving#residentIs} makes it exact. */
    public long resident() {
        return account.resident().get();
    }

    /** How many 2 MiB chunks there are; the last may be shorter. */
    public int chunks() {
        return chunks.count();
    }

    /** Whether the guest has all of the chunk that there is. */
    public boolean isWhole(int chunk) {
        return chunks.isComplete(chunk);
    }

    /** Whether the guest has all of a chunk, in small pages that could be a large one. */
    public boolean isCollapsible(int chunk) {
        return chunks.isCollapsible(chunk);
    }

    /** Makes a large page of a chunk that the guest has all of in small ones; the guest may run. */
    public void makeLarge(int chunk) {
        synchronized (chunks.lockOf(chunk)) {
            if (!ending && chunks.isCollapsible(chunk)) {
                chunks.collapse(chunk);
            }
        }
    }

    /**
     * After {@link #complete}: the memory is the kernel's alone again, and chunks that went in by small pages are made
     * large pages. The guest may run.
     *
     * @param large numbers of the chunks that are to be large pages, as they were where the guest came from
     */
    public void finish(PageSet large) {
        settleWhole();
        stop();
        // By this whoever ends the guest waits for who is at its memory.
        memory.beforeItEnds(this::giveUp);
        memory.watch(null);
        try (Arena own = Arena.ofConfined()) {
            synchronized (locks.of(0)) {
                if (!gone) {
                    userfault.unregister(memory.hva(), memory.size());
                    memory.expectFaults(false);
                }
            }
            PageSet all = new PageSet(own, large.pages());
            all.addAll(large);
            all.addAll(chunks.zeroed());
            makeLarge(all);
        } finally {
            memory.beforeItEnds(() -> {});
        }
    }

    /** Makes large pages of these chunks, as far as all of them is here. */
    public void makeLarge(PageSet large) {
        new Collapser(memory, chunks, () -> gone).makeLarge(large);
    }

    private void stop() {
        ending = true;
        begun.countDown();
        EventCalls.add(wakeup, 1);
        Uninterruptibly.join(thread);
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
        bench.close();
        arena.close();
    }
}
