package dev.godwit.agent.memoryhost;

/**
 * What a client asks about its region, and the answer. All numbers are little-endian.
 *
 * <pre>
 *   request                                         answer
 *    0  u32  1 CREATE, 2 ATTACH, 3 TAKE, 4 STANDBY    0  u32  status
 *    4  u32  0                                        4  u32  0
 *    8  u64  epoch                                    8  u64  epoch now
 *   16  u64  pages of guest RAM                      16  u64  pages held now
 *   24  u64  reserved: the most pages held at once   24  u64  reserved; of NO_ROOM: how many could be
 * </pre>
 */
public final class RegionRequest {
    public static final int BYTES = 32;

    /** Make the region; this connection is its owner's. */
    public static final int CREATE = 1;

    /** This connection is the owner's, too: of the epoch given. */
    public static final int ATTACH = 2;

    /** Be the owner from now on, in place of the one of the epoch given. */
    public static final int TAKE = 3;

    /** Only look whether the region is there, and stay connected. */
    public static final int STANDBY = 4;

    public static final long TYPE = 0;
    public static final long EPOCH = 8;
    public static final long PAGES = 16;
    public static final long RESERVED = 24;

    public static final long STATUS = 0;
    public static final long HELD = 16;

    /** The stream of requests for pages and the pages that answer them. */
    public static final int STREAM_FETCH = 0;

    /** The stream of pages to keep. */
    public static final int STREAM_STORE = 1;

    static final int STREAMS = 2;

    private RegionRequest() {}
}
