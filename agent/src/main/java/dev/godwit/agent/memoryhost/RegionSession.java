package dev.godwit.agent.memoryhost;

import dev.godwit.agent.config.Sizes;
import dev.godwit.agent.stream.PageFrame;
import dev.godwit.agent.transport.Connection;
import dev.godwit.agent.transport.Handshake.Greeting;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.agent.transport.TransportException.Kind;
import dev.godwit.host.memory.PageSize;
import dev.godwit.host.thread.Urgency;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One connection: answers requests until one of them makes it the owner's, then serves it as its stream's number says.
 *
 * <p>Threading: {@link #run} on an urgent thread: a guest that moves stands still until its target has heard the answers,
 * and one that runs waits for each page.
 */
final class RegionSession {
    private static final Logger LOG = LoggerFactory.getLogger(RegionSession.class);

    private final Regions regions;
    private final Connection connection;
    private final UUID id;
    private final Attachment self;

    RegionSession(Regions regions, Greeting greeting, Connection connection) throws TransportException {
        this.regions = regions;
        this.connection = connection;
        this.id = greeting.session();
        if (greeting.stream() >= RegionRequest.STREAMS) {
            throw malformed("asks for stream " + greeting.stream());
        }
        this.self = new Attachment(connection, greeting.stream());
    }

    /** Returns when the owner has given up the region. */
    void run() throws TransportException {
        try (Arena arena = Arena.ofConfined()) {
            Region region = awaitOwner(arena);
            boolean given = false;
            try {
                given = serve(arena, region);
            } finally {
                if (!given) {
                    region.ownership().detach(self);
                }
            }
        }
    }

    /** Answers requests until one of them has made it the owner's, and attached it. */
    private Region awaitOwner(Arena arena) throws TransportException {
        MemorySegment request = arena.allocate(RegionRequest.BYTES, 8);
        MemorySegment answer = arena.allocate(RegionRequest.BYTES, 8);
        connection.receive(request);
        for (RegionStatus status = handle(request); !makesOwner(request, status); status = handle(request)) {
            answer(answer, status);
            connection.receive(request);
        }
        // Nobody deletes it while this is attached.
        Region region = regions.find(id);
        try {
            answer(answer, RegionStatus.OK);
        } catch (TransportException | RuntimeException | Error e) {
            region.ownership().detach(self);
            throw e;
        }
        return region;
    }

    private static boolean makesOwner(MemorySegment request, RegionStatus status) {
        return status == RegionStatus.OK && request.get(PageFrame.U32, RegionRequest.TYPE) != RegionRequest.STANDBY;
    }

    private RegionStatus handle(MemorySegment request) throws TransportException {
        int type = request.get(PageFrame.U32, RegionRequest.TYPE);
        long pages = request.get(PageFrame.U64, RegionRequest.PAGES);
        return switch (type) {
            case RegionRequest.CREATE -> {
                try (Urgency.Pause _ = Urgency.pause()) {
                    yield create(pages, request.get(PageFrame.U64, RegionRequest.RESERVED));
                }
            }
            case RegionRequest.ATTACH, RegionRequest.TAKE, RegionRequest.STANDBY ->
                join(type, pages, request.get(PageFrame.U64, RegionRequest.EPOCH));
            default -> throw malformed("sent request 0x" + Integer.toHexString(type));
        };
    }

    private RegionStatus create(long pages, long reserved) throws TransportException {
        if (!RegionHeader.isPossible(pages, reserved)) {
            throw malformed(
                    "reserves " + Long.toUnsignedString(reserved) + " of " + Long.toUnsignedString(pages) + " pages");
        }
        RegionStatus status = regions.create(id, pages, reserved, self);
        if (status == RegionStatus.OK) {
            LOG.info(
                    "memory host: region {} created by {}: {} reserved of {} of guest RAM",
                    id,
                    connection.peer(),
                    Sizes.human(reserved << PageSize.SMALL_SHIFT),
                    Sizes.human(pages << PageSize.SMALL_SHIFT));
        } else if (status == RegionStatus.NO_ROOM) {
            LOG.warn(
                    "memory host: no room for region {} of {}: {} asked for, {} not reserved",
                    id,
                    connection.peer(),
                    Sizes.human(reserved << PageSize.SMALL_SHIFT),
                    Sizes.human(regions.free() << PageSize.SMALL_SHIFT));
        }
        return status;
    }

    private RegionStatus join(int type, long pages, long epoch) throws TransportException {
        Region region = regions.find(id);
        if (region == null) {
            return RegionStatus.UNKNOWN;
        }
        if (region.pages().pages() != pages) {
            return RegionStatus.MISMATCH;
        }
        if (type == RegionRequest.ATTACH) {
            return region.ownership().attach(epoch, self);
        }
        if (type == RegionRequest.STANDBY) {
            return RegionStatus.OK;
        }
        RegionStatus status = region.ownership().take(epoch, self, next -> regions.save(region, next));
        if (status == RegionStatus.OK) {
            LOG.info(
                    "memory host: region {} taken by {}: epoch {}",
                    id,
                    connection.peer(),
                    region.ownership().epoch());
        }
        return status;
    }

    private void answer(MemorySegment to, RegionStatus status) throws TransportException {
        Region region = regions.find(id);
        to.fill((byte) 0);
        to.set(PageFrame.U32, RegionRequest.STATUS, status.number());
        if (status == RegionStatus.NO_ROOM) {
            to.set(PageFrame.U64, RegionRequest.RESERVED, regions.free());
        } else if (region != null) {
            to.set(PageFrame.U64, RegionRequest.EPOCH, region.ownership().epoch());
            to.set(PageFrame.U64, RegionRequest.HELD, region.pages().heldCount());
            to.set(PageFrame.U64, RegionRequest.RESERVED, region.reserved());
        }
        connection.send(to);
    }

    /** True when the owner has given the region up. */
    private boolean serve(Arena arena, Region region) throws TransportException {
        if (self.stream() == RegionRequest.STREAM_FETCH) {
            new FetchService(arena, connection, region.pages()).serve();
            return false;
        }
        try (Urgency.Pause _ = Urgency.pause()) {
            StoreService store = new StoreService(arena, connection, self, region.pages());
            store.serve();
            if (!region.ownership().giveUp(self)) {
                throw new TransportException(Kind.CLOSED, connection.peer() + " is not the owner any more");
            }
            regions.delete(region);
            LOG.info("memory host: region {} deleted by {}", id, connection.peer());
            store.answer(RegionStatus.OK, 0);
            return true;
        }
    }

    private TransportException malformed(String what) {
        return new TransportException(Kind.MALFORMED, connection.peer() + " " + what);
    }
}
