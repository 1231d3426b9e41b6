package dev.godwit.agent.migration;

import dev.godwit.agent.stream.PageFrame;
import dev.godwit.agent.stream.ZeroScan;
import dev.godwit.agent.transport.PagedFile;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.zip.CRC32C;

/**
 * A snapshot being written: each page has its place, and a later round writes over an earlier one. Pages of zeros are
 * holes.
 *
 * <p>Threading: one thread.
 */
final class SnapshotFile implements RoundSink {
    private final Arena arena;
    private final PagedFile file;
    private final GuestMemory memory;
    private final PageSet present;
    private PageSet large;
    private long contentPages;
    private long zeroPages;

    SnapshotFile(Arena arena, PagedFile file, GuestMemory memory) {
        this.arena = arena;
        this.file = file;
        this.memory = memory;
        this.present = new PageSet(arena, memory.pages());
    }

    @Override
    public Sending start(PageSet wanted, PageSet largeChunks, int round) throws TransportException {
        large = largeChunks;
        long pages = wanted.pages();
        for (long page = wanted.next(0, pages); page < pages; ) {
            if (isZero(page)) {
                present.remove(page);
                zeroPages++;
                page = wanted.next(page + 1, pages);
                continue;
            }
            long end = page + 1;
            while (end < pages && end - page < PageSize.SMALL_PER_LARGE && wanted.contains(end) && !isZero(end)) {
                end++;
            }
            file.write(
                    SnapshotHeader.offsetOf(page),
                    memory.segment().asSlice(page << PageSize.SMALL_SHIFT, (end - page) << PageSize.SMALL_SHIFT));
            present.addRange(page, end - page);
            contentPages += end - page;
            page = wanted.next(end, pages);
        }
        return () -> {};
    }

    private boolean isZero(long page) {
        return ZeroScan.isZero(memory.segment(), page << PageSize.SMALL_SHIFT);
    }

    @Override
    public void awaitArrival(int round) {
        // Writing is arriving; whether it is safe is asked once, at the end.
    }

    /** Appends tables, description and state, and at last the header; returns the size of the file. */
    long finish(byte[] description, byte[] state) throws TransportException {
        SnapshotHeader sizes = new SnapshotHeader(memory.size(), description.length, state.length, 0);
        // What has been written is what counts, not what the guest has made of it meanwhile.
        MemorySegment written = file.map(arena, 0, Math.min(file.size(), sizes.tablesAt()));
        long size = sizes.tablesAt()
                + sizes.presentBytes()
                + sizes.largeBytes()
                + sizes.checksumBytes()
                + description.length
                + state.length;
        MemorySegment tail = arena.allocate(size - sizes.tablesAt(), 8);
        MemorySegment.copy(present.segment(), 0, tail, 0, sizes.presentBytes());
        long at = sizes.presentBytes();
        MemorySegment.copy(large.segment(), 0, tail, at, sizes.largeBytes());
        at += sizes.largeBytes();
        for (long chunk = 0; chunk < sizes.chunks(); chunk++) {
            tail.set(PageFrame.U32, at, checksum(written, present, chunk));
            at += Integer.BYTES;
        }
        MemorySegment.copy(description, 0, tail, ValueLayout.JAVA_BYTE, at, description.length);
        MemorySegment.copy(state, 0, tail, ValueLayout.JAVA_BYTE, at + description.length, state.length);
        file.write(sizes.tablesAt(), tail);
        file.sync();
        SnapshotHeader header =
                new SnapshotHeader(memory.size(), description.length, state.length, SnapshotHeader.crcOf(tail));
        file.write(0, header.encode(arena));
        file.sync();
        return size;
    }

    /** Of the pages of a chunk that are in the file. */
    static int checksum(MemorySegment file, PageSet present, long chunk) {
        CRC32C crc = new CRC32C();
        long end = Math.min((chunk + 1) * PageSize.SMALL_PER_LARGE, present.pages());
        for (long page = present.next(chunk * PageSize.SMALL_PER_LARGE, end); page < end; ) {
            long stop = present.nextAbsent(page, end);
            SnapshotHeader.update(
                    crc, file.asSlice(SnapshotHeader.offsetOf(page), (stop - page) << PageSize.SMALL_SHIFT));
            page = present.next(stop, end);
        }
        return (int) crc.getValue();
    }

    @Override
    public long contentPages() {
        return contentPages;
    }

    @Override
    public long zeroPages() {
        return zeroPages;
    }

    @Override
    public long wireBytes() {
        return contentPages << PageSize.SMALL_SHIFT;
    }
}
