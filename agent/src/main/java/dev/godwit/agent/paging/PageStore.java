package dev.godwit.agent.paging;

/**
 * Something that has pages which are not in the guest's memory: asked for some, it puts their content into the pager's
 * staging memory, where the guest's page number says, and tells {@link Pager#arrived}.
 *
 * <p>Threading: {@link #request} and {@link #receive} on the pager's thread.
 */
public interface PageStore {
    /** {@link #descriptor} of a store that cannot be reached now, or that delivers on threads of its own. */
    int NO_DESCRIPTOR = -1;

    /**
     * Asks for pages that a guest waits for, or will soon; returns at once. A store that cannot be reached now forgets the
     * request, and has the pager ask again with {@link Pager#askAgain} when it can.
     *
     * @param first the first page
     * @param count how many, within one 2 MiB chunk
     */
    void request(long first, int count);

    /** What becomes readable when requested pages come, for the pager's thread to {@link #receive}. */
    default int descriptor() {
        return NO_DESCRIPTOR;
    }

    /** Takes what has come. Does not throw: a store that breaks has no {@link #descriptor} any more. */
    default void receive() {
        throw new IllegalStateException("nothing comes over a descriptor");
    }
}
