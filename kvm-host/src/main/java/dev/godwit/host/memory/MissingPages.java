package dev.godwit.host.memory;

/**
 * Whoever brings the pages of a guest's memory that are not there: a touch of one waits until it is.
 *
 * <p>A touch from Java code would wait within the virtual machine, which then cannot stop its threads for a collection,
 * those included that bring the page. So everything in this process gets at such memory by {@link GuestMemory#slice},
 * which has the kernel fetch the pages first, or gives addresses to system calls.
 */
public interface MissingPages {
    /**
     * Lets all who wait go on with pages of zeros. The guest has been told to stop for good: none of its vCPUs enters it
     * again.
     */
    void giveUp();

    /** For so long pages stay that are in use: far longer than that takes. */
    long USE_NANOS = 1_000_000_000;

    /** Code in Java is about to use these pages: for {@link #USE_NANOS} none of them leaves. */
    void use(long first, long end);

    /** Code in Java uses these pages again and again: they do not leave until {@link #release}, as often as kept. */
    void keep(long first, long end);

    void release(long first, long end);

    /** How many pages have still to be brought; from any thread. */
    long count();
}
