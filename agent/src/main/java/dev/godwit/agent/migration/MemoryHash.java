package dev.godwit.agent.migration;

import dev.godwit.agent.stream.PageFrame;
import dev.godwit.host.memory.Backing;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import dev.godwit.host.thread.Urgency;
import java.lang.foreign.Arena;
import java.util.zip.CRC32C;

/** A CRC-32C of each chunk of guest RAM: to compare two copies, and to say where they differ. */
final class MemoryHash {
    private MemoryHash() {}

    private static int[] ofAll(GuestMemory memory) {
        int[] hashes = new int[Math.toIntExact(PageFrame.chunksIn(memory.pages()))];
        CRC32C crc = new CRC32C();
        for (int i = 0; i < hashes.length; i++) {
            long from = (long) i * PageSize.LARGE;
            crc.reset();
            crc.update(memory.segment()
                    .asSlice(from, Math.min(PageSize.LARGE, memory.size() - from))
                    .asByteBuffer());
            hashes[i] = (int) crc.getValue();
        }
        return hashes;
    }

    /**
     * The hash of every chunk in order, of a machine that is PAUSED; of the pages only that are not at a memory host. What
     * is not there is zeros, and is not touched. It takes long: nobody is urgent meanwhile.
     *
     * @param there pages at the memory host, or null
     */
    static int[] of(GuestMemory memory, PageSet there) {
        try (Urgency.Pause _ = Urgency.pause()) {
            return there == null ? ofAll(memory) : ofAllBut(memory, there);
        }
    }

    private static int[] ofAllBut(GuestMemory memory, PageSet there) {
        int[] hashes = new int[Math.toIntExact(PageFrame.chunksIn(memory.pages()))];
        CRC32C crc = new CRC32C();
        byte[] zeros = new byte[PageSize.SMALL];
        try (Arena arena = Arena.ofConfined()) {
            PageSet present = Backing.scan(arena, memory).resident();
            for (int i = 0; i < hashes.length; i++) {
                crc.reset();
                long first = (long) i * PageSize.SMALL_PER_LARGE;
                long end = Math.min(first + PageSize.SMALL_PER_LARGE, memory.pages());
                for (long page = first; page < end; page++) {
                    if (there.contains(page)) {
                        continue;
                    }
                    if (present.contains(page)) {
                        crc.update(memory.segment()
                                .asSlice(page << PageSize.SMALL_SHIFT, PageSize.SMALL)
                                .asByteBuffer());
                    } else {
                        crc.update(zeros);
                    }
                }
                hashes[i] = (int) crc.getValue();
            }
        }
        return hashes;
    }

    /** One number for all of RAM, as reports show it. */
    static String text(int[] hashes) {
        CRC32C crc = new CRC32C();
        for (int hash : hashes) {
            crc.update(hash);
            crc.update(hash >>> 8);
            crc.update(hash >>> 16);
            crc.update(hash >>> 24);
        }
        return "crc32c:" + hashes.length + ":" + String.format("%08x", crc.getValue());
    }

    /** The first chunk that differs, or -1. */
    static int firstDifference(int[] ours, int[] theirs) {
        if (ours.length != theirs.length) {
            return Math.min(ours.length, theirs.length);
        }
        return java.util.Arrays.mismatch(ours, theirs);
    }
}
