package dev.godwit.agent.memoryhost;

import dev.godwit.agent.stream.PageFrame;

/**
 * What there is on a STORE connection besides the frames of {@link PageFrame}. All numbers are little-endian.
 *
 * <pre>
 *   GONE: delete the region           the answer to ROUND_END and to GONE
 *    0  u32  type = 0x454e4f47 "GONE"   0  u32  status: 0 OK, 3 NO_ROOM
 *    4  28 bytes of 0                   4  u32  0
 *                                       8  u64  the ROUND_END's number; 0 after GONE
 * </pre>
 */
public final class StoreFrame {
    public static final int GONE = 0x454e4f47;

    public static final int ANSWER_BYTES = 16;
    public static final long STATUS = 0;
    public static final long NUMBER = 8;

    private StoreFrame() {}
}
