package dev.godwit.agent.migration;

import dev.godwit.host.memory.PageSize;
import java.time.Duration;

/**
 * Decides after each precopy round whether the guest is paused now: from the measured rate of sending, the pages that
 * are dirty, and the fixed part of the pause.
 *
 * <p>When the remainder fits the budget another round is still worth it as long as rounds make the remainder much
 * smaller: it costs the guest nothing and shortens its pause.
 */
final class Convergence {
    /** Less than this much content says nothing about the rate of sending. */
    private static final long TELLING_BYTES = 4 << 20;

    /** A round that leaves less than this share of what the round before left is worth another. */
    private static final double WORTHWHILE = 0.7;

    /** A pause this short is not made shorter by another round. */
    private static final long SHORT_NANOS = 3_000_000;

    private final long budgetNanos;
    private final long fixedNanos;
    private double bytesPerNano;
    private long lastRemaining = Long.MAX_VALUE;
    private boolean improving;
    private long expectedNanos = -1;

    /**
     * A decision to be made.
     *
     * @param budget the longest pause
     * @param fixed the part of it that does not depend on memory, as measured
     */
    Convergence(Duration budget, Duration fixed) {
        this.budgetNanos = budget.toNanos();
        this.fixedNanos = fixed.toNanos();
    }

    /**
     * Takes in a round.
     *
     * @param sentBytes content it sent
     * @param nanos how long it took, to its arrival at the target
     * @param dirtyPages pages found dirty after it
     * @return whether to pause the guest now
     */
    boolean roundDone(long sentBytes, long nanos, long dirtyPages) {
        if (sentBytes >= TELLING_BYTES || bytesPerNano == 0) {
            bytesPerNano = Math.max(sentBytes, PageSize.SMALL) / (double) Math.max(nanos, 1);
        }
        long remaining = dirtyPages << PageSize.SMALL_SHIFT;
        expectedNanos = fixedNanos + (long) (remaining / bytesPerNano);
        improving = remaining < lastRemaining * WORTHWHILE;
        lastRemaining = remaining;
        return expectedNanos <= budgetNanos && (!improving || isShort());
    }

    /**
     * Whether another round would leave about as much as this one: the guest writes as fast as memory can be sent. Not when
     * what is left fits the budget: then the guest can be paused for it, after a last round that shows no improvement.
     *
     * @param dirtyPagesPerSecond as measured towards the end of the round
     */
    boolean isStalled(double dirtyPagesPerSecond) {
        return expectedNanos > budgetNanos && !wouldLeaveLess(dirtyPagesPerSecond);
    }

    /**
     * Whether another round would leave much less, so that a guest that goes ahead has less to wait for.
     *
     * @param dirtyPagesPerSecond as measured towards the end of the round
     */
    boolean isWorthAnother(double dirtyPagesPerSecond) {
        return improving && !isShort() && wouldLeaveLess(dirtyPagesPerSecond);
    }

    /** Whether what is left is sent in a moment, sooner than a guest could be made to wait for it. */
    boolean isShort() {
        return expectedNanos - fixedNanos <= SHORT_NANOS;
    }

    private boolean wouldLeaveLess(double dirtyPagesPerSecond) {
        double nextNanos = lastRemaining / bytesPerNano;
        double again = dirtyPagesPerSecond * PageSize.SMALL * nextNanos / 1e9;
        return again < lastRemaining * WORTHWHILE;
    }

    /** Whether the fixed part alone exceeds the budget, so that no remainder is small enough. */
    boolean isHopeless() {
        return fixedNanos >= budgetNanos;
    }

    /** The pause if the guest were paused now; negative while unknown. */
    Duration expectedDowntime() {
        return Duration.ofNanos(expectedNanos);
    }

    /** Content bytes a second, as last measured. */
    long bandwidth() {
        return (long) (bytesPerNano * 1e9);
    }
}
