package dev.godwit.host.tracking;

import dev.godwit.host.memory.PageSet;

/**
 * Tells which pages of a guest have been written: by its vCPUs, by the kernel for it, and by the agent (as far as it
 * says so through {@link dev.godwit.host.memory.GuestMemory#markWritten}).
 *
 * <p>A page may be reported though its content is what it was; no page that changed is left out. What a vCPU that is in
 * the guest has written just now may come with the next {@link #collect}, since processors keep a short list of their
 * own; once a vCPU has left the guest all its writes are reported by the next {@code collect}.
 *
 * <p>Threading: one caller, while vCPUs run.
 */
public interface DirtyTracker {
    /** Starts: all memory counts as clean at the return, and every later write will be seen. */
    void start();

    /**
     * Adds to {@code into} the pages written since the previous {@code collect} or {@link #start}. A write to one of
     * them after the return is seen again, so their content is to be read after the return. Allocates nothing.
     *
     * @param into a set over all pages of the guest; what it holds already stays
     * @return how many pages were written since, whether or not {@code into} held them
     */
    long collect(PageSet into);

    /**
     * Adds to {@code into} the pages of which the next {@link #collect} will tell.
     *
     * @return false from a tracker that cannot look without collecting: nothing has been added
     */
    default boolean peek(PageSet into) {
        return false;
    }

    /**
     * As {@link #collect}, of these pages alone: of all others the next {@code collect} tells. Only of a tracker that can
     * {@link #peek}.
     *
     * @param which a set over all pages of the guest
     */
    default void collectOf(PageSet which, PageSet into) {
        throw new UnsupportedOperationException("a " + name() + " is collected as a whole");
    }

    /**
     * As {@link #collect}, for the last time before {@link #stop}, of a guest that is paused: what is written afterwards
     * may be missed, so that nothing has to be protected again.
     */
    default long collectLast(PageSet into) {
        return collect(into);
    }

    /** Stops: writes cost nothing any more and are not seen. What was not collected is forgotten. */
    void stop();

    /** What it works by, for people: the mechanism and its mode. */
    String name();
}
