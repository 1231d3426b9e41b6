package dev.godwit.agent.migration;

import dev.godwit.host.memory.PageSet;
import dev.godwit.host.tracking.DirtyTracker;
import java.lang.foreign.Arena;

/**
 * How fast a guest writes what would have to be sent again, measured towards the end of a round for about as long as the
 * next one would take: over a longer time a small working set that is written again and again looks like little.
 *
 * <p>A page whose next write is to be seen has to be protected again, which costs the guest a fault. So of many pages that
 * have been written it is a sample of which that is seen.
 *
 * <p>Threading: one thread.
 */
final class WriteRate {
    /** No fewer are a sample of all: 4 MiB. */
    private static final long FEW = 1024;

    /** One page of 16 in each word, in each at another place, by {@link #SCATTER}: guests write with a stride. */
    private static final long ONE_OF_16 = 0x0001_0001_0001_0001L;

    /** 2 to the 64, divided by the golden ratio: the upper bits of its multiples are spread evenly. */
    private static final long SCATTER = 0x9E37_79B9_7F4A_7C15L;

    private final DirtyTracker tracker;
    private final PageSet sample;
    private long since;
    private boolean sampling;
    private long sampled;
    private long writtenBefore;
    private double perSecond;
    private boolean measured;

    WriteRate(Arena arena, DirtyTracker tracker, long pages) {
        this.tracker = tracker;
        this.sample = new PageSet(arena, pages);
    }

    /** A round begins; all memory counts as not written since then. */
    void begin(long now) {
        since = now;
        sampling = false;
        sampled = 0;
        writtenBefore = 0;
        measured = false;
        sample.clear();
    }

    /** When the round began, by {@link System#nanoTime}. */
    long since() {
        return since;
    }

    /**
     * Takes in a look at what has been written, while the round is being sent.
     *
     * @param log what the tracker tells now
     * @param written what has been written in this round, with that
     * @param leftNanos how long this round still takes
     * @param nextNanos how long the next one would
     */
    void look(long now, PageSet log, PageSet written, long leftNanos, long nextNanos) {
        if (!sampling) {
            if (leftNanos <= nextNanos) {
                takeSample(now, written);
            }
        } else if (!measured) {
            measure(now, log, written);
            measured = now - since >= nextNanos;
        }
    }

    /** As {@link #look}, when all has been sent. */
    void end(long now, PageSet log, PageSet written) {
        if (!measured) {
            measure(now, log, written);
        }
    }

    /** Whether {@link #look} need not be called any more in this round. */
    boolean isMeasured() {
        return measured;
    }

    /** Pages a second: of those written already, and others. */
    double perSecond() {
        return perSecond;
    }

    private void takeSample(long now, PageSet written) {
        sampling = true;
        writtenBefore = written.cardinality();
        for (long i = 0, n = written.wordCount(); i < n; i++) {
            long mask = writtenBefore <= FEW ? -1 : ONE_OF_16 << ((i * SCATTER) >>> 60);
            sample.setWord(i, written.word(i) & mask);
        }
        sampled = sample.cardinality();
        tracker.collectOf(sample, written);
        since = now;
    }

    private void measure(long now, PageSet log, PageSet written) {
        long again = 0;
        for (long i = 0, n = sample.wordCount(); i < n; i++) {
            again += Long.bitCount(sample.word(i) & log.word(i));
        }
        double pages = written.cardinality() - writtenBefore;
        if (sampled > 0) {
            pages += (double) writtenBefore * again / sampled;
        }
        perSecond = pages * 1e9 / Math.max(1, now - since);
    }
}
