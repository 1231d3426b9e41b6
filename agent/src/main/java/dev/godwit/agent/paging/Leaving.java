package dev.godwit.agent.paging;

import dev.godwit.host.memory.PageSet;
import java.util.function.BooleanSupplier;

/**
 * The way out of a guest's memory, and how much it may have here: its {@link Pager} takes pages out of its sight for
 * whoever stores them elsewhere, and a touch brings them back at any moment until they are {@link #stored}.
 *
 * <p>Threading: {@link #takeOut} and what follows it from one thread at a time; all else from any.
 */
public final class Leaving {
    private final Chunks chunks;
    private final PageAccount account;
    private final HostUse use;
    private final FaultTimes times;
    private final Faults faults;
    private final BooleanSupplier ending;

    /** @param ending whether nothing of the guest's memory may be touched any more */
    Leaving(Chunks chunks, PageAccount account, HostUse use, FaultTimes times, Faults faults, BooleanSupplier ending) {
        this.chunks = chunks;
        this.account = account;
        this.use = use;
        this.times = times;
        this.faults = faults;
        this.ending = ending;
    }

    /**
     * Bounds what the guest has here, and what still comes here by itself: whoever touches more waits until some has been
     * taken out.
     *
     * @param pages about how many; {@link Long#MAX_VALUE} for no bound
     * @param onReached called on the pager's thread when somebody waits for that; brief
     */
    public void limitResident(long pages, Runnable onReached) {
        faults.limitResident(pages, onReached);
    }

    /** The guest has so many, as the kernel says: those who wait for room may find that there is some. */
    public void residentIs(long pages) {
        account.resident().set(pages + account.staged().cardinality());
        if (!faults.isFull()) {
            madeRoom();
        }
    }

    /** Some pages have been taken out: those who wait for room may find it. */
    public void madeRoom() {
        if (times.anyWaiting()) {
            faults.lookAgain();
        }
    }

    /** When a page of the chunk last came in, by {@link System#nanoTime}. */
    public long lastIn(int chunk) {
        return chunks.lastIn(chunk);
    }

    /** Whether {@link #takeOut} may take from the chunk: not from one that the host's own code uses. */
    public boolean mayLeave(int chunk) {
        synchronized (chunks.lockOf(chunk)) {
            return use.mayLeave(chunk);
        }
    }

    /**
     * Takes what the guest has of a chunk out of its sight, into {@link Pager#staging}, to be stored elsewhere; the guest
     * may run. A touch brings it back.
     *
     * @param cold of a chunk that is in parts here: the pages to be taken; one that is whole goes as a whole
     * @return about how many pages were taken; 0 when there is nothing to take, or not now
     */
    public long takeOut(int chunk, PageSet cold) {
        synchronized (chunks.lockOf(chunk)) {
            return ending.getAsBoolean() || !use.mayLeave(chunk) ? 0 : chunks.takeOut(chunk, cold);
        }
    }

    /** The pages of a chunk whose content is in {@link Pager#staging}, into {@code into}; they may leave it at any time. */
    public void collectStaged(int chunk, PageSet into) {
        synchronized (chunks.lockOf(chunk)) {
            account.collectStaged(chunks.first(chunk), chunks.end(chunk), into);
        }
    }

    /** What becomes of a page that has been stored, and is not back with the guest. */
    public interface Stored {
        /** Says in the map where the page is now; ZERO for one that is nowhere. */
        void into(PageMap map, long page);
    }

    /**
     * What {@link #takeOut} took is safe elsewhere.
     *
     * @return how many of the pages are there now; the others the guest has back
     */
    public long stored(int chunk, PageSet pages, Stored where) {
        synchronized (chunks.lockOf(chunk)) {
            return ending.getAsBoolean() ? 0 : chunks.stored(chunk, pages, where);
        }
    }

    /** The guest gets back all that is in {@link Pager#staging} of the chunk. */
    public void settle(int chunk) {
        synchronized (chunks.lockOf(chunk)) {
            if (!ending.getAsBoolean()) {
                chunks.settle(chunk);
                faults.resolve(chunk, chunks.first(chunk), chunks.end(chunk));
            }
        }
    }
}
