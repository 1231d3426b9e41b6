package dev.godwit.agent.paging;

import dev.godwit.bindings.linux.EventCalls;
import dev.godwit.bindings.linux.PollSet;
import dev.godwit.bindings.linux.SystemCallException;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.PageSize;
import dev.godwit.host.memory.Userfault;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.BooleanSupplier;

/**
 * The pager's work at faults: what is here is put in, what is elsewhere is asked for, and who would have too much waits.
 *
 * <p>Threading: {@link #serve} on the pager's thread; the resolve methods under the chunk's lock; the rest from any.
 */
final class Faults {
    private static final int MESSAGES = 64;
    /** In the batch a page has who touched it above it. */
    private static final int WAITER_SHIFT = 32;

    private static final int WAKEUP = 0;
    private static final int FAULTS = 1;
    private static final int STORES = 2;

    /**
     * So long the thread looks for what comes, while somebody waits, before it sleeps: about as long as a fetch takes.
     * Whoever is to bring the page may be waiting for this very processor; and so may the guest when nobody waits any more.
     */
    private static final long SPIN_NANOS = 50_000;

    private final GuestMemory memory;
    private final Userfault userfault;
    private final Chunks chunks;
    private final PageMap map;
    private final FaultTimes times;
    private final AtomicReferenceArray<PageStore> stores;
    private final int wakeup;
    private final BooleanSupplier ending;
    private final HottestFirst batch = new HottestFirst(MESSAGES);
    private volatile PageHeat heat = page -> 0;
    private volatile long mostResident = Long.MAX_VALUE;
    private volatile Runnable onMany = () -> {};
    private volatile boolean askAgain;
    private volatile boolean lookAgain;

    /**
     * Looks after nothing yet.
     *
     * @param wakeup an eventfd that wakes the pager's thread
     * @param ending whether to end; the guest's memory is not touched any more then
     */
    Faults(
            GuestMemory memory,
            Userfault userfault,
            Chunks chunks,
            PageMap map,
            FaultTimes times,
            AtomicReferenceArray<PageStore> stores,
            int wakeup,
            BooleanSupplier ending) {
        this.memory = memory;
        this.userfault = userfault;
        this.chunks = chunks;
        this.map = map;
        this.times = times;
        this.stores = stores;
        this.wakeup = wakeup;
        this.ending = ending;
    }

    /** By this those are asked for first that are waited for. */
    void heat(PageHeat known) {
        heat = known;
    }

    /** Whoever was asked has forgotten it. */
    void askAgain() {
        askAgain = true;
        EventCalls.add(wakeup, 1);
    }

    /** Those who wait may find what they wait for. */
    void lookAgain() {
        lookAgain = true;
        EventCalls.add(wakeup, 1);
    }

    /** See {@link Leaving#limitResident}. */
    void limitResident(long pages, Runnable onReached) {
        onMany = onReached;
        mostResident = pages;
        lookAgain();
    }

    boolean isFull() {
        // What comes by itself takes its room whether or not there is any.
        return mostResident < Long.MAX_VALUE && chunks.resident().get() + chunks.passing() > mostResident;
    }

    /** Looks after faults, and what stores deliver, until told to end. */
    void serve() {
        try (Arena own = Arena.ofConfined()) {
            PollSet descriptors = new PollSet(own, STORES + stores.length());
            descriptors.set(WAKEUP, wakeup);
            descriptors.set(FAULTS, userfault.fd());
            MemorySegment messages = own.allocate(MESSAGES * Userfault.MESSAGE, 8);
            long idleSince = System.nanoTime();
            while (!ending.getAsBoolean()) {
                boolean sleep = !times.anyWaiting() || System.nanoTime() - idleSince > SPIN_NANOS;
                for (int i = 0; i < stores.length(); i++) {
                    PageStore store = stores.get(i);
                    descriptors.set(STORES + i, store == null ? PageStore.NO_DESCRIPTOR : store.descriptor());
                }
                if (SystemCallException.check(descriptors.await(sleep ? -1 : 0), "poll") > 0) {
                    work(descriptors, messages);
                    idleSince = System.nanoTime();
                } else {
                    Thread.onSpinWait();
                }
            }
        }
    }

    private void work(PollSet descriptors, MemorySegment messages) {
        if (descriptors.isReady(WAKEUP)) {
            // Before what it is for is looked at, or the next would be missed.
            EventCalls.take(wakeup);
        }
        if (askAgain) {
            // Before anything is asked for: nothing is to be asked for twice.
            askAgain = false;
            lookAgain = true;
            for (int chunk = 0; chunk < chunks.count(); chunk++) {
                synchronized (chunks.lockOf(chunk)) {
                    chunks.forgetAsked(chunk);
                }
            }
        }
        if (descriptors.isReady(FAULTS)) {
            int count = userfault.read(messages);
            long read = System.nanoTime();
            for (int i = 0; i < count; i++) {
                if (Userfault.isFault(messages, i)) {
                    long page = (Userfault.faultAddress(messages, i) - memory.hva()) >> PageSize.SMALL_SHIFT;
                    // Of staging memory that is just registered a touch waits for the end of that, not for us.
                    if (page >= 0 && page < memory.pages()) {
                        add(page, times.waiterOf(Userfault.faultThread(messages, i)));
                    }
                }
            }
            faultAll(read);
        }
        for (int i = 0; i < stores.length(); i++) {
            if (descriptors.isReady(STORES + i)) {
                stores.get(i).receive();
            }
        }
        if (lookAgain) {
            lookAgain = false;
            for (long page : times.waiting()) {
                add(page, FaultTimes.KNOWN);
            }
            faultAll(System.nanoTime());
        }
    }

    private void add(long page, int waiter) {
        batch.add((long) waiter << WAITER_SHIFT | page, heat.of(page));
    }

    private void faultAll(long read) {
        while (!batch.isEmpty()) {
            long next = batch.take();
            fault(next & (1L << WAITER_SHIFT) - 1, (int) (next >> WAITER_SHIFT), read);
        }
        flush();
    }

    private void flush() {
        for (int i = 0; i < stores.length(); i++) {
            PageStore store = stores.get(i);
            if (store != null) {
                store.flush();
            }
        }
    }

    /**
     * @param waiter who touched it; {@link FaultTimes#KNOWN} when it is looked after once more
     * @param read when the pager learnt of it, which may be some faults ago
     */
    private void fault(long page, int waiter, long read) {
        int chunk = Chunks.of(page);
        if (!chunks.isElsewhere(page)) {
            // What is put in here takes its time: what has been asked for is on its way meanwhile.
            flush();
        }
        boolean full = isFull();
        synchronized (chunks.lockOf(chunk)) {
            if (ending.getAsBoolean()) {
                return;
            }
            boolean counted = waiter == FaultTimes.KNOWN || times.isWaitedFor(page);
            if (chunks.isElsewhere(page)) {
                times.waiting(page, waiter, read);
            } else if (chunks.isStaged(page)) {
                bringBack(chunk, page, waiter, read, full);
            } else if (full && (chunks.isComplete(chunk) || map.place(page) == Place.ZERO) && !chunks.isHere(page)) {
                times.waitingForRoom(page, waiter);
            } else {
                // Of a chunk in parts it is here by now, or nobody ever had it.
                chunks.zeroFill(chunk, page);
                times.resolved(page, page + 1);
            }
            // Not later: what has to be fetched may have come by then.
            if (!counted && !times.isWaitedFor(page)) {
                times.resolvedAtOnce();
            }
        }
        if (!times.isWaitedFor(page)) {
            return;
        }
        if (full && !map.place(page).isPassing()) {
            onMany.run();
            if (!isFull()) {
                // Who has made some meanwhile saw nobody wait for it.
                lookAgain();
            }
        } else {
            ask(page);
        }
    }

    /** Its content is in staging memory. */
    private void bringBack(int chunk, long page, int waiter, long read, boolean full) {
        if (chunks.missing(chunk) == 0) {
            // On its way out: the guest uses it after all.
            chunks.settle(chunk);
            resolveAll(chunk);
        } else if (chunks.mayPutInSingly() && (full || chunks.isSplit(chunk) || chunks.missing(chunk) > Chunks.FEW)) {
            chunks.putIn(chunk, page, page + 1);
            times.resolved(page, page + 1);
        } else {
            // Very few are missing: when they are here all goes in as one.
            times.waiting(page, waiter, read);
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
        PageStore holder = stores.get(map.place(page).code());
        // Without a holder it is here by now, or on its way out: what lies around it is asked for all the same.
        int together = holder == null ? PageStore.TOGETHER : holder.together();
        if (!all) {
            from = page & -together;
            to = Math.min(from + together, to);
        }
        for (long at = from; at < to; ) {
            long stop = at;
            Place place;
            synchronized (chunks.lockOf(chunk)) {
                place = map.place(at);
                while (stop < to && chunks.mustAsk(stop) && map.place(stop) == place) {
                    stop++;
                }
                chunks.asked(at, stop - at);
            }
            if (stop == at) {
                at++;
                continue;
            }
            stores.get(place.code()).request(at, (int) (stop - at));
            at = stop;
        }
        if (!all && together < PageStore.TOGETHER) {
            prefetch(holder, chunk, page & -PageStore.TOGETHER);
        }
    }

    /** From the first page to the last of a window that nobody has been asked for. */
    private void prefetch(PageStore holder, int chunk, long window) {
        long to = Math.min(window + PageStore.TOGETHER, chunks.end(chunk));
        long first = to;
        long end = window;
        synchronized (chunks.lockOf(chunk)) {
            for (long page = window; page < to; page++) {
                if (chunks.mustAsk(page)) {
                    first = Math.min(first, page);
                    end = page + 1;
                }
            }
        }
        if (first < end) {
            holder.prefetch(first, (int) (end - first));
        }
    }

    /** Some pages of a chunk have come to be here: all who wait for one that the guest has now go on. */
    void resolve(int chunk, long from, long to) {
        if (chunks.isComplete(chunk)) {
            resolveAll(chunk);
        } else {
            resolveSingly(chunk, from, to);
        }
    }

    private void resolveSingly(int chunk, long from, long to) {
        for (long page = times.waitingIn(from, to); page >= 0; page = times.waitingIn(page + 1, to)) {
            if (chunks.isStaged(page) && chunks.mayPutInSingly() && !chunks.mayWaitForWhole(chunk)) {
                chunks.putIn(chunk, page, page + 1);
            }
            if (!chunks.isElsewhere(page) && !chunks.isStaged(page)) {
                resolvePage(page);
            }
        }
    }

    private void resolveAll(int chunk) {
        long end = chunks.end(chunk);
        for (long page = times.waitingIn(chunks.first(chunk), end); page >= 0; page = times.waitingIn(page + 1, end)) {
            resolvePage(page);
        }
    }

    /** Woken whatever was put in: who waits for room, at a page that is nowhere, has not been, and is to try again. */
    private void resolvePage(long page) {
        chunks.wake(page);
        times.resolved(page, page + 1);
    }
}
