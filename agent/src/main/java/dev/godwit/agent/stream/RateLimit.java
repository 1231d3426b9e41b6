package dev.godwit.agent.stream;

import dev.godwit.host.memory.PageSize;
import java.util.List;

/**
 * What a group of senders is held to: its own bandwidth, and perhaps one that it shares with other groups. The group as
 * a whole can be hurried, and let go when it is given up, which concerns no other group.
 *
 * <p>Threading: any number of senders; the rest from any thread.
 */
public final class RateLimit {
    private static final long HEAD_BYTES = PageFrame.HEADER_BYTES + PageFrame.RUN_BYTES;

    private final List<Bandwidth> bandwidths;
    private volatile boolean urgent;
    private volatile boolean released;

    /** No limit. */
    public static RateLimit none() {
        return new RateLimit();
    }

    /** A limit of its own; 0 is none. */
    public RateLimit(long bytesPerSecond) {
        this(new Bandwidth(bytesPerSecond));
    }

    /** All of these limits at once. */
    public RateLimit(Bandwidth... bandwidths) {
        this(List.of(bandwidths).stream().filter(Bandwidth::isLimited).toList());
    }

    private RateLimit(List<Bandwidth> limits) {
        this.bandwidths = limits;
    }

    /** Another group under the same bandwidths, which is neither hurried nor released. */
    public RateLimit another() {
        return new RateLimit(bandwidths);
    }

    /** As {@link #another}, hurried. */
    public RateLimit anotherInAHurry() {
        RateLimit hurried = another();
        hurried.hurry();
        return hurried;
    }

    /** Whether there is any. */
    public boolean isLimited() {
        return !bandwidths.isEmpty();
    }

    /** The most pages with content that should go in one frame, at least 1. */
    public int framePages() {
        long bytes = Long.MAX_VALUE;
        for (Bandwidth bandwidth : bandwidths) {
            bytes = Math.min(bytes, bandwidth.turnBytes());
        }
        return Math.clamp((bytes - HEAD_BYTES) >> PageSize.SMALL_SHIFT, 1, PageSize.SMALL_PER_LARGE);
    }

    /** Returns when {@code bytes} more may be sent, or nobody is held any more. */
    public void acquire(long bytes) {
        for (Bandwidth bandwidth : bandwidths) {
            bandwidth.acquire(bytes, urgent, () -> released);
        }
    }

    /** As {@link #acquire}, in parts between which others have their turn. */
    public void acquireInTurns(long bytes) {
        long turn = (long) framePages() << PageSize.SMALL_SHIFT;
        for (long left = bytes; left > 0; left -= turn) {
            acquire(Math.min(left, turn));
        }
    }

    /** Whether anybody who is in no hurry could send now; never waits. */
    public boolean mayNow() {
        boolean idle = true;
        for (Bandwidth bandwidth : bandwidths) {
            idle &= bandwidth.isIdle();
        }
        return idle;
    }

    /** Counts bytes that are sent without waiting. */
    public void count(long bytes) {
        bandwidths.forEach(bandwidth -> bandwidth.count(bytes));
    }

    /** Takes back so many of the bytes that were acquired, since they are not sent. */
    void giveBack(long bytes) {
        // Who has been released may have been let go without having acquired anything.
        if (!released) {
            bandwidths.forEach(bandwidth -> bandwidth.giveBack(bytes));
        }
    }

    /** A guest waits for all that this group sends from now on. */
    public void hurry() {
        urgent = true;
    }

    /** Holds nobody of this group any more, from now on. */
    public void release() {
        released = true;
        bandwidths.forEach(Bandwidth::lookAgain);
    }
}
