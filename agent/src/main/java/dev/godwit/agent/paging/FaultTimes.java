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
 * no percentile would tell anything of a fetch.
 *
 * <p>Threading: any thread.
 */
final class FaultTimes {
    private static final long LONGEST_NANOS = 3_600_000_000_000L;

    private final Recorder recorder = new Recorder(1, LONGEST_NANOS, 3);
    private final Histogram all = new Histogram(1, LONGEST_NANOS, 3);
    private long[] pages = new long[64];
    private long[] since = new long[64];
    /** Whether something has to come, and not only room for it to be made. */
    private boolean[] fetched = new boolean[64];

    private final AtomicLong atOnce = new AtomicLong();
    private volatile int count;

    /**
     * A fault at a page that is not at hand; no effect when it is waited for already.
     *
     * @param read when the pager read of it, by {@link System#nanoTime}
     */
    synchronized void waiting(long page, long read) {
        add(page, read, true);
    }

    /** A fault at a page of zeros, for which there is no room; how long that takes is not a fetch's time. */
    synchronized void waitingForRoom(long page) {
        add(page, 0, false);
    }

    private void add(long page, long read, boolean fetch) {
        for (int i = 0; i < count; i++) {
            if (pages[i] == page) {
                return;
            }
        }
        int next = count;
        if (next == pages.length) {
            pages = Arrays.copyOf(pages, 2 * next);
            since = Arrays.copyOf(since, 2 * next);
            fetched = Arrays.copyOf(fetched, 2 * next);
        }
        pages[next] = page;
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
                    }
                    int last = count - 1;
                    pages[i] = pages[last];
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

    /** All pages that somebody waits for. */
    synchronized long[] waiting() {
        return Arrays.copyOf(pages, count);
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
