package dev.godwit.agent.paging;

/**
 * Something that has pages which are not in the guest's memory: asked for some, it puts their content into the pager's
 * staging memory, where the guest's page number says, and tells {@link Pager#arrived}.
 *
 * <p>Threading: {@link #request}, {@link #flush} and {@link #receive} on the pager's thread.
 */
public interface PageStore {
    /** {@link #descriptor} of a store that cannot be reached now, or that delivers on threads of its own. */
    int NO_DESCRIPTOR = -1;

    /** 64 KiB: most of the time that a fetch takes is not spent on its content. */
    int TOGETHER = 16;

    /**
     * Asks for pages that a guest waits for, or will soon; returns at once, and {@link #flush} follows soon. A store
     * that cannot be reached now forgets the request, and has the pager ask again with {@link Pager#askAgain} when it can.
     *
     * @param first the first page
     * @param count how many, within one 2 MiB chunk
     */
    void request(long first, int count);

    /** What has been requested is wanted now: a store that gathers requests passes them on. */
    default void flush() {
        // Most pass on each at once.
    }

    /** How many pages in a row are best requested together with one that a guest waits for; a power of two. */
    default int together() {
        return TOGETHER;
    }

    /**
     * Says that these pages may be touched soon. Some may come, or none: each is requested when a guest waits for it.
     *
     * @param first the first page
     * @param count how many, within one 2 MiB chunk
     */
    default void prefetch(long first, int count) {
        // Most stores are asked for them at once.
    }

    /** What becomes readable when requested pages come, for the pager's thread to {@link #receive}. */
    default int descriptor() {
        return NO_DESCRIPTOR;
    }

    /** Takes what has come. Does not throw: a store that breaks has no {@link #descriptor} any more. */
    default void receive() {
        throw new IllegalStateException("nothing comes over a descriptor");
    }
}
