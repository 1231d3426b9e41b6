package dev.godwit.host.machine;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import java.lang.foreign.MemorySegment;

/** What guest RAM held at one moment, while its guest was paused. */
final class PageWords {
    private final byte[] bytes;

    private PageWords(byte[] bytes) {
        this.bytes = bytes;
    }

    static PageWords of(GuestMemory memory) {
        byte[] bytes = new byte[Math.toIntExact(memory.size())];
        MemorySegment.ofArray(bytes).copyFrom(memory.segment());
        return new PageWords(bytes);
    }

    /** Every page that differs now is in the set. */
    void assertOnlyChanged(GuestMemory memory, PageSet allowed) {
        MemorySegment before = MemorySegment.ofArray(bytes);
        for (long page = 0; page < memory.pages(); page++) {
            long at = page * PageSize.SMALL;
            boolean same =
                    MemorySegment.mismatch(before, at, at + PageSize.SMALL, memory.segment(), at, at + PageSize.SMALL)
                            < 0;
            assertTrue(same || allowed.contains(page), "page " + page + " was written and is not reported");
        }
    }
}
