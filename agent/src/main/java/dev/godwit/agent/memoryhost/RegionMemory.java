package dev.godwit.agent.memoryhost;

import dev.godwit.agent.transport.TransportException;
import java.lang.foreign.MemorySegment;

/**
 * Where the pages of one region are: a mapping as large as the guest's RAM, of which only what is held costs anything.
 *
 * <p>Threading: one thread allocates and drops; {@link #close} when no thread touches the mapping any more.
 */
interface RegionMemory extends AutoCloseable {
    /** The mapping, page 0 first. */
    MemorySegment segment();

    /** Pages are about to be read: may be called from any thread. */
    void willRead(long first, long count);

    /**
     * Makes sure that pages can be written.
     *
     * @return false when there is no room for them, of which some may have been taken
     */
    boolean allocate(long first, long count) throws TransportException;

    /** Gives pages back; they read as zeros. */
    void drop(long first, long count) throws TransportException;

    /** Returns when what can outlive this process is on the storage. */
    void sync() throws TransportException;

    @Override
    void close();
}
