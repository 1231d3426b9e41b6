package dev.godwit.agent.stream;

/**
 * What a target says on the first page connection. All numbers are little-endian.
 *
 * <pre>
 *   0  u32  type: 1 WANT, 2 MISSING, 3 DONE, 4 PING, 5 NEAR
 *   4  u32  WANT, NEAR: how many pages, within a 2 MiB chunk; else 0
 *   8  u64  WANT, NEAR: the first page; MISSING: bytes of a bitmap of pages that follow; else 0
 * </pre>
 */
public final class PageRequest {
    public static final int BYTES = 16;

    /** A guest waits for these pages. */
    public static final int WANT = 1;

    /** These are all the pages that have not come yet. */
    public static final int MISSING = 2;

    /** All pages have come. */
    public static final int DONE = 3;

    /** Still there. */
    public static final int PING = 4;

    /** A guest may touch these pages soon: those of them that can be had at once are welcome. */
    public static final int NEAR = 5;

    public static final long TYPE = 0;
    public static final long COUNT = 4;
    public static final long ARGUMENT = 8;

    private PageRequest() {}
}
