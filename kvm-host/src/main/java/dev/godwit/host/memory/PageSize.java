package dev.godwit.host.memory;

/** The two page sizes of x86-64 that Godwit works in, in bytes. */
public final class PageSize {
    /** A small page: the unit of every page number, bitmap and map. */
    public static final int SMALL = 4096;

    /** log2 of {@link #SMALL}. */
    public static final int SMALL_SHIFT = 12;

    /** A large page: the unit of backing, zero scans and transfer. */
    public static final int LARGE = 2 << 20;

    /** Small pages in a large one. */
    public static final int SMALL_PER_LARGE = LARGE / SMALL;

    private PageSize() {}

    /** The small pages that {@code bytes} need, rounded up. */
    public static long pagesIn(long bytes) {
        return (bytes + SMALL - 1) >>> SMALL_SHIFT;
    }
}
