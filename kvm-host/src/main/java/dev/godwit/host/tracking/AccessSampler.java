package dev.godwit.host.tracking;

/**
 * A way of seeing which pages a guest accesses, reads as well as writes. It has no policy: {@link AccessTracker} says
 * where to look and for how long.
 *
 * <p>Threading: one thread samples; {@link #close} on that thread.
 */
public interface AccessSampler extends AutoCloseable {
    /** Which way it is, for people. */
    String name();

    /**
     * Looks for a while; afterwards the guest's memory is as it was.
     *
     * @param look which chunks, and whether at their small pages; takes what is seen
     * @param mostFaults the look ends when the guest has been held up that many times, or a little later
     * @param mostNanos the look ends after this time
     * @return what it has cost the guest, or will: nanoseconds of vCPU time
     */
    long sample(Look look, int mostFaults, long mostNanos);

    /** Whether a look at small pages breaks large ones up for a while, which costs more than its faults. */
    boolean splitsLargePages();

    /** Whether memory of the guest is where only this sampler finds it; not between looks, unless one went wrong. */
    default boolean holdsMemory() {
        return false;
    }

    /** About what it costs the guest to be seen once, as measured, in nanoseconds. */
    long faultNanos();

    /**
     * What looks have cost the guest after their end, since this was last asked: nanoseconds of vCPU time. To be asked
     * often, and before {@link Look#begin} is called on the look that was sampled.
     */
    default long aftermath() {
        return 0;
    }

    /** No look follows soon: gives up what is kept ready for the next. */
    default void rest() {}

    @Override
    void close();
}
