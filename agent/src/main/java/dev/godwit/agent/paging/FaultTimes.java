package dev.godwit.agent.paging;

import java.util.Arrays;
import java.util.concurrent.atomic.AtomicLong;
import org.HdrHistogram.Histogram;
import org.HdrHistogram.Recorder;

/**
 * The pages that somebody waits for, and how long the waits took for those that had to be fetched: from the pager's
 * reading of the fault to the page's being there. Few at a time: a vCPU or device waits for one.
 *
 * <p>A fault that is resolved at once is only counted: such take a few microseconds, and there may be so many of them that
 * no percentile would tell anything of a fetch. Two vCPUs that wait for the same page are two waits.
 *
 * <p>Threading: any thread.
 */
final class FaultTimes {
    private static final long LONGEST_NANOS = 3_600_000_000_000L;

    /** A waiter that is none of the vCPUs that are told apart: a device, or a thread of the kernel's. */
    static final int OTHERS = 0;

    /** Whoever waits for the page already. */
    static final int KNOWN = -1;

    private final Recorder recorder = new Recorder(1, LONGEST_NANOS, 3);
    private final Histogram all = new Histogram(1, LONGEST_NANOS, 3);
    private long[] pages = new long[64];
    private int[] waiters = new int[64];
    private long[] since = new long[64];
    /** Whether something has to come, and not only room for it to be made. */
    private boolean[] fetched = new boolean[64];

    private final AtomicLong atOnce = new AtomicLong();
    private volatile int count;
    private volatile int[] vcpus = {};
    /** How long each has waited, in nanoseconds, by its number as a waiter. */
    private long[] blocked = new long[1];

    /**
     * Tells the waits of these vCPUs apart; nobody waits yet.
     *
     * @param threads the kernel's numbers of their threads
     */
    synchronized void tellApart(int[] threads) {
        vcpus = threads.clone();
        blocked = new long[threads.length + 1];
    }

    /** The waiter that a thread is: vCPUs from 1. */
    int waiterOf(int thread) {
        int[] known = vcpus;
        for (int i = 0; i < known.length; i++) {
            if (known[i] == thread) {
                return i + 1;
            }
        }
        return OTHERS;
    }

    /**
     * A fault at a page that is not at hand; no effect when the waiter waits for it already.
     *
     * @param waiter as {@link #waiterOf} says, or {@link #KNOWN}
     * @param read when the pager read of it, by {@link System#nanoTime}
     */
    synchronized void waiting(long page, int waiter, long read) {
        add(page, waiter, read, true);
    }

    /** A fault at a page of zeros, for which there is no room; how long that takes is not a fetch's time. */
    synchronized void waitingForRoom(long page, int waiter) {
        add(page, waiter, 0, false);
    }

    private void add(long page, int waiter, long read, boolean fetch) {
        for (int i = 0; i < count; i++) {
            if (pages[i] == page && (waiter == KNOWN || waiters[i] == waiter)) {
                return;
            }
        }
        int next = count;
        if (next == pages.length) {
            pages = Arrays.copyOf(pages, 2 * next);
            waiters = Arrays.copyOf(waiters, 2 * next);
            since = Arrays.copyOf(since, 2 * next);
            fetched = Arrays.copyOf(fetched, 2 * next);
        }
        pages[next] = page;
        waiters[next] = Math.max(OTHERS, waiter);
        since[next] = read;
        fetched[next] = fetch;
        count = next + 1;
    }

    /** A fault at a page that was here: nothing had to come. */
    void resolvedAtOnce() {
        atOnce.incrementAndGet();
    }

    /** These pages are there. */
    void resolved(long first, long end) {
        if (count == 0) {
            return;
        }
        synchronized (this) {
            long now = System.nanoTime();
            for (int i = count - 1; i >= 0; i--) {
                if (pages[i] >= first && pages[i] < end) {
                    if (fetched[i]) {
                        recorder.recordValue(Math.clamp(now - since[i], 1, LONGEST_NANOS));
                        blocked[waiters[i]] += now - since[i];
                    }
                    int last = count - 1;
                    pages[i] = pages[last];
                    waiters[i] = waiters[last];
                    since[i] = since[last];
                    fetched[i] = fetched[last];
                    count = last;
                }
            }
        }
    }

    /** Whether anybody waits. */
    boolean anyWaiting() {
        return count > 0;
    }

    boolean isWaitedFor(long page) {
        return waitingIn(page, page + 1) >= 0;
    }

    /** The first page that somebody waits for in {@code first .. end-1}, or -1. */
    long waitingIn(long first, long end) {
        if (count == 0) {
            return -1;
        }
        synchronized (this) {
            long found = -1;
            for (int i = 0; i < count; i++) {
                if (pages[i] >= first && pages[i] < end && (found < 0 || pages[i] < found)) {
                    found = pages[i];
                }
            }
            return found;
        }
    }

    /** All pages that somebody waits for, each once. */
    synchronized long[] waiting() {
        // Few at a time, and no garbage but what is returned.
        long[] found = new long[count];
        int distinct = 0;
        for (int i = 0; i < count; i++) {
            if (isFirst(i)) {
                found[distinct++] = pages[i];
            }
        }
        return distinct == found.length ? found : Arrays.copyOf(found, distinct);
    }

    private boolean isFirst(int index) {
        for (int i = 0; i < index; i++) {
            if (pages[i] == pages[index]) {
                return false;
            }
        }
        return true;
    }

    /** How long each has waited so far for pages that had to be fetched, in nanoseconds, by its number as a waiter. */
    synchronized long[] blocked() {
        return blocked.clone();
    }

    /** How many faults were resolved at once so far. */
    long atOnce() {
        return atOnce.get();
    }

    /** All waits for pages that had to be fetched so far, in nanoseconds. */
    synchronized Histogram histogram() {
        all.add(recorder.getIntervalHistogram());
        return all.copy();
    }
}
