package dev.godwit.agent.migration;

import dev.godwit.agent.transport.FileStream;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.PageSet;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A snapshot being written: rounds one after the other.
 *
 * <p>Threading: one thread.
 */
final class SnapshotFile implements RoundSink {
    private final Arena arena;
    private final FileStream file;
    private final PageSender sender;
    private int rounds;

    SnapshotFile(Arena arena, FileStream file, GuestMemory memory) throws TransportException {
        this.arena = arena;
        this.file = file;
        this.sender = new PageSender(arena, file, memory, new RateLimit(0));
        file.send(arena.allocate(SnapshotHeader.BYTES));
    }

    @Override
    public Sending start(PageSet wanted, PageSet large, int round) throws TransportException {
        for (long chunk = 0, chunks = PageFrame.chunksIn(wanted.pages()); chunk < chunks; chunk++) {
            sender.sendChunk(wanted, chunk, large.contains(chunk), round);
        }
        sender.endRound(round);
        rounds = round;
        return () -> {};
    }

    @Override
    public void awaitArrival(int round) {
        // Writing is arriving; whether it is safe is asked once, at the end.
    }

    /** Appends what the guest is and its state, and returns the header without its checksum. */
    SnapshotHeader finish(byte[] description, byte[] state) throws TransportException {
        long descriptionAt = SnapshotHeader.BYTES + wireBytes();
        append(description);
        append(state);
        long stateAt = descriptionAt + description.length;
        return new SnapshotHeader(rounds, descriptionAt, description.length, stateAt, state.length, 0);
    }

    private void append(byte[] bytes) throws TransportException {
        MemorySegment segment = arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes);
        file.send(segment);
    }

    @Override
    public long contentPages() {
        return sender.contentPages();
    }

    @Override
    public long zeroPages() {
        return sender.zeroPages();
    }

    @Override
    public long wireBytes() {
        return sender.wireBytes();
    }
}
