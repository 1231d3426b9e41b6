package dev.godwit.agent.paging;

import java.util.Arrays;
import org.HdrHistogram.Histogram;
import org.HdrHistogram.Recorder;

/**
 * The pages that somebody waits for, and how long the waits took: from the pager's reading of the fault to the page's
 * being there. Few at a time: a vCPU or device waits for one.
 *
 * <p>Threading: any thread.
 */
final class FaultTimes {
    private static final long LONGEST_NANOS = 3_600_000_000_000L;

    private final Recorder recorder = new Recorder(1, LONGEST_NANOS, 3);
    private final Histogram all = new Histogram(1, LONGEST_NANOS, 3);
    private long[] pages = new long[64];
    private long[] since = new long[64];
    private volatile int count;

    /** A fault at a page that is not at hand; no effect when it is waited for already. */
    synchronized void waiting(long page) {
        for (int i = 0; i < count; i++) {
            if (pages[i] == page) {
                return;
            }
        }
        int next = count;
        if (next == pages.length) {
            pages = Arrays.copyOf(pages, 2 * next);
            since = Arrays.copyOf(since, 2 * next);
        }
        pages[next] = page;
        since[next] = System.nanoTime();
        count = next + 1;
    }

    /** A fault that could be resolved at once. */
    void resolvedAtOnce(long nanos) {
        recorder.recordValue(Math.clamp(nanos, 1, LONGEST_NANOS));
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
                    resolvedAtOnce(now - since[i]);
                    int last = count - 1;
                    pages[i] = pages[last];
                    since[i] = since[last];
                    count = last;
                }
            }
        }
    }

    /** Whether anybody waits. */
    boolean anyWaiting() {
        return count > 0;
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

    /** All waits so far, in nanoseconds. */
    synchronized Histogram histogram() {
        all.add(recorder.getIntervalHistogram());
        return all.copy();
    }
}
