package dev.godwit.agent.stream;

import dev.godwit.host.memory.PageSize;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * The frames of a data stream. All numbers are little-endian.
 *
 * <pre>
 *   PAGES                                           ROUND_END
 *    0  u32  type = 0x45474150 "PAGE"                0  u32  type = 0x21444e45 "END!"
 *    4  u32  runs, 1 .. 512                          4  u32  0
 *    8  u64  first page of the chunk, × 512          8  u64  round, from 1
 *   16  u32  flags: 1 = backed by a large page,     16  16 bytes of 0
 *            2 = ahead of the rest of its chunk
 *   20  u32  round, from 1; 0xffffffff for pages that follow the guest
 *   24  u64  content bytes that follow the runs
 *   32  runs × { u16 offset in the chunk | u16 pages | u16 kind (1 content, 2 zero) | u16 0 }
 *       content of the content runs, in order
 * </pre>
 *
 * <p>A chunk is 2 MiB of guest RAM, 512 pages (the last one may be shorter). Runs ascend and do not overlap.
 */
public final class PageFrame {
    public static final int PAGES = 0x45474150;
    public static final int ROUND_END = 0x21444e45;

    public static final int HEADER_BYTES = 32;
    public static final int RUN_BYTES = 8;
    public static final int MAX_RUNS = PageSize.SMALL_PER_LARGE;
    public static final int MAX_HEAD_BYTES = HEADER_BYTES + MAX_RUNS * RUN_BYTES;

    /** The round of all pages that follow a guest. */
    public static final int AFTERWARDS = -1;

    public static final int FLAG_LARGE = 1;

    /** Hot pages, which the guest is likely to touch before the rest of their chunk has come. */
    public static final int FLAG_AHEAD = 2;

    static final int FLAGS_KNOWN = FLAG_LARGE | FLAG_AHEAD;

    public static final int KIND_CONTENT = 1;
    public static final int KIND_ZERO = 2;

    public static final long TYPE = 0;
    public static final long RUNS = 4;
    public static final long FIRST_PAGE = 8;
    public static final long FLAGS = 16;
    public static final long ROUND = 20;
    public static final long CONTENT_BYTES = 24;

    public static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    public static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    public static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private PageFrame() {}

    /** The number of chunks in so many pages. */
    public static long chunksIn(long pages) {
        return (pages + PageSize.SMALL_PER_LARGE - 1) / PageSize.SMALL_PER_LARGE;
    }
}
