package dev.godwit.agent.memoryhost;

import dev.godwit.agent.transport.TransportException;
import dev.godwit.agent.transport.TransportException.Kind;
import dev.godwit.bindings.linux.Errno;
import dev.godwit.bindings.linux.MemoryCalls;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.memory.PageSize;
import java.lang.foreign.MemorySegment;

/** Pages in this process's memory, lost with it. */
final class AnonymousMemory implements RegionMemory {
    private final GuestMemory memory;

    AnonymousMemory(long pages) {
        // Small pages: regions are sparse, and each page is given back alone.
        memory = GuestMemory.allocate(pages << PageSize.SMALL_SHIFT, LargePages.NONE);
    }

    @Override
    public MemorySegment segment() {
        return memory.segment();
    }

    @Override
    public void willRead(long first, long count) {
        // It is there.
    }

    @Override
    public boolean allocate(long first, long count) {
        return true;
    }

    @Override
    public void drop(long first, long count) throws TransportException {
        int result = MemoryCalls.madvise(
                memory.hva() + (first << PageSize.SMALL_SHIFT),
                count << PageSize.SMALL_SHIFT,
                MemoryCalls.MADV_DONTNEED);
        if (result < 0) {
            throw new TransportException(Kind.BROKEN, "pages cannot be given back: " + Errno.description(-result));
        }
    }

    @Override
    public void sync() {
        // Nothing outlives the process.
    }

    @Override
    public void close() {
        memory.close();
    }
}
