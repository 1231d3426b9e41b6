package dev.godwit.agent.paging;

/** How much a page is used, as far as that is known: of those that are waited for the hottest is asked for first. */
@FunctionalInterface
public interface PageHeat {
    /**
     * More for a page that is used more, in any unit; the same for all when nothing is known. Called on the pager's
     * thread: allocates nothing and never waits.
     */
    long of(long page);
}
