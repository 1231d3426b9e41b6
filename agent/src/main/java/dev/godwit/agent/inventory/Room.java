package dev.godwit.agent.inventory;

import dev.godwit.agent.migration.ChunkRun;
import dev.godwit.agent.migration.GuestDescription;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import dev.godwit.host.memory.ReadyMemory;
import java.lang.foreign.Arena;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * The memory that one agent's guests may have: what the host has, less what was promised to those that are here; and that
 * which is made ready for others to arrive, as long as nobody here needs it. Bytes, thread-safe.
 */
public final class Room implements AutoCloseable {
    /** Bytes that stay free beside what is made ready, lest it be given back at once. */
    private static final long MARGIN = 128L << 20;

    private final Supplier<HostMemory> host;
    private final Optional<ReadyMemory> ready;
    private final Collection<Guest> guests;

    /**
     * Room for guests.
     *
     * @param guests those that are here, at any time
     */
    Room(Supplier<HostMemory> host, Optional<ReadyMemory> ready, Collection<Guest> guests) {
        this.host = host;
        this.ready = ready;
        this.guests = guests;
    }

    /** RAM of the guests here, touched or not; without reserved large pages. */
    public long promised() {
        return guests.stream().mapToLong(Guest::promisedBytes).sum();
    }

    /** The host's memory; what is ready for guests is as good as free. */
    public HostMemory ofHost() {
        return host.get().with(ready());
    }

    /** What guests may still take. */
    public long free() {
        return ofHost().free(promised());
    }

    /** What is ready for guests that arrive. */
    public long ready() {
        return ready.map(ReadyMemory::bytes).orElse(0L);
    }

    /**
     * Looks whether one more fits. The caller holds this object's lock until the guest is one of those that are here: two
     * at once would both be promised the same.
     *
     * @throws dev.godwit.agent.config.Failure when it does not
     */
    void admit(GuestDescription guest) {
        ofHost().admit(guest, promised());
    }

    /** Gives a guest that moves more than it was promised, if there is more. */
    boolean lend(long bytes, Runnable taken) {
        synchronized (this) {
            if (!ofHost().canPromise(promised() + bytes)) {
                return false;
            }
            taken.run();
        }
        make();
        return true;
    }

    /** Makes more memory ready for guests that arrive, if the host has it to spare and no guest is being moved. */
    boolean makeReady() {
        boolean may = ready.isPresent()
                && ready.get().missing() > 0
                && guests.stream().noneMatch(Guest::isMoving)
                && free() - ready() > ready.get().next() + MARGIN;
        return may && ready.get().fill();
    }

    /** Whether memory is not made ready because the host has no large page to give. */
    boolean isReadyMemoryRefused() {
        return ready.isPresent() && ready.get().isRefused();
    }

    /** What is ready is given back if guests were promised what the host cannot have beside it. */
    void make() {
        if (free() < ready()) {
            ready.ifPresent(ReadyMemory::release);
        }
    }

    /**
     * As {@link #make}, but not while a guest is arriving, for which it is.
     *
     * @return whether anything was given back
     */
    boolean yieldReady() {
        boolean was = ready() > 0;
        if (was && guests.stream().noneMatch(guest -> guest.state() == GuestState.ARRIVING)) {
            make();
        }
        return was && ready() == 0;
    }

    /**
     * Gives a guest that arrives of what is ready.
     *
     * @param large chunks that are to be large pages; what its memory does not have is left out
     * @param bytes the most
     */
    void back(GuestMemory memory, List<ChunkRun> large, long bytes) {
        ready.ifPresent(there -> back(there, memory, large, bytes));
        make();
    }

    private static void back(ReadyMemory there, GuestMemory memory, List<ChunkRun> large, long bytes) {
        long chunks = memory.size() / PageSize.LARGE;
        long left = bytes / PageSize.LARGE;
        try (Arena arena = Arena.ofConfined()) {
            PageSet wanted = new PageSet(arena, chunks);
            for (ChunkRun run : large) {
                long first = Math.min(run.first(), chunks);
                long count = Math.min(Math.min(run.count(), chunks - first), left);
                wanted.addRange(first, count);
                left -= count;
            }
            there.moveInto(memory, wanted);
        }
    }

    /** Gives back what is ready. */
    @Override
    public void close() {
        ready.ifPresent(ReadyMemory::close);
    }
}
