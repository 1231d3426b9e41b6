package dev.godwit.agent.memoryhost;

import static dev.godwit.agent.stream.PageFrame.U32;
import static dev.godwit.agent.stream.PageFrame.U64;

import dev.godwit.agent.config.Sizes;
import dev.godwit.agent.transport.Connection;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.agent.transport.TransportException.Kind;
import dev.godwit.host.memory.PageSize;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * What a memory host answers a guest's side that asks about its region.
 *
 * @param epoch of the region's owner now
 * @param reserved pages that the region has reserved; of NO_ROOM, that it could
 */
record RegionAnswer(RegionStatus status, long epoch, long reserved) {
    /** Asks; see {@link RegionRequest}. */
    static RegionAnswer ask(Connection connection, int type, long epoch, long pages, long reserved)
            throws TransportException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment message = arena.allocate(RegionRequest.BYTES, 8);
            message.set(U32, RegionRequest.TYPE, type);
            message.set(U64, RegionRequest.EPOCH, epoch);
            message.set(U64, RegionRequest.PAGES, pages);
            message.set(U64, RegionRequest.RESERVED, reserved);
            connection.send(message);
            connection.receive(message);
            RegionStatus status = RegionStatus.of(message.get(U32, RegionRequest.STATUS));
            if (status == null) {
                throw new TransportException(
                        Kind.MALFORMED,
                        connection.peer() + " answered with status " + message.get(U32, RegionRequest.STATUS));
            }
            return new RegionAnswer(
                    status, message.get(U64, RegionRequest.EPOCH), message.get(U64, RegionRequest.RESERVED));
        }
    }

    /**
     * What it means, for people.
     *
     * @param asked pages to be reserved
     */
    String text(long asked) {
        return switch (status) {
            case OK -> "all is well";
            case UNKNOWN -> "it does not have the guest's pages";
            case FENCED -> "the guest's pages have another owner";
            case NO_ROOM -> "it has no room: " + noRoom(asked);
            case EXISTS -> "it has a region of that id already";
            case MISMATCH -> "its pages are of a guest of another size";
        };
    }

    private String noRoom(long asked) {
        return asked <= reserved
                ? "its disk or its memory is full, or it has as many guests as it can"
                : Sizes.human(asked << PageSize.SMALL_SHIFT) + " are to be reserved, and "
                        + Sizes.human(Math.max(0, reserved) << PageSize.SMALL_SHIFT) + " are free";
    }
}
