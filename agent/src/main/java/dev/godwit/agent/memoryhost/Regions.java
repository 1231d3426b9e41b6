package dev.godwit.agent.memoryhost;

import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.FileErrors;
import dev.godwit.agent.config.Sizes;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.agent.transport.TransportException.Kind;
import dev.godwit.bindings.linux.SystemCallException;
import dev.godwit.host.memory.PageSize;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * All regions of a memory host, which together may hold no more than it has.
 *
 * <p>Threading: any thread; {@link #close} when no connection is attended to any more.
 */
final class Regions implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Regions.class);

    /** Each costs some memory beside its pages, a bit for each page of guest RAM. */
    private static final int MOST = 1024;

    private final long pages;
    private final RegionDirectory directory;
    private final Map<UUID, Region> regions = new ConcurrentHashMap<>();
    private long reserved;

    /**
     * Those that are in the directory, if there is one.
     *
     * @param pages what there is for all regions together
     * @param directory where they are kept, or null; closed with this
     * @throws Failure when those in the directory have reserved more
     */
    Regions(long pages, RegionDirectory directory) {
        this.pages = pages;
        this.directory = directory;
        if (directory != null) {
            directory.load(this::add);
        }
        if (reserved > pages) {
            long needed = reserved << PageSize.SMALL_SHIFT;
            close();
            throw Failure.badInput("--size: the regions in --dir have reserved " + Sizes.human(needed) + ", more than "
                    + Sizes.human(pages << PageSize.SMALL_SHIFT));
        }
        if (!regions.isEmpty()) {
            LOG.info(
                    "memory host: {} regions found, {} reserved",
                    regions.size(),
                    Sizes.human(reserved << PageSize.SMALL_SHIFT));
        }
    }

    private void add(Region region) {
        regions.put(region.id(), region);
        reserved += region.reserved();
    }

    /** The region of an id, or null. */
    Region find(UUID id) {
        return regions.get(id);
    }

    /**
     * Makes a region, of which {@code owner} is the first connection: OK, EXISTS or NO_ROOM.
     *
     * @param guestPages pages of guest RAM
     * @param most the most pages that it may hold at once
     */
    synchronized RegionStatus create(UUID id, long guestPages, long most, Attachment owner) {
        if (regions.containsKey(id) || (directory != null && directory.has(id))) {
            return RegionStatus.EXISTS;
        }
        if (most > pages - reserved || regions.size() >= MOST) {
            return RegionStatus.NO_ROOM;
        }
        RegionHeader header = new RegionHeader(id, guestPages, most, 1);
        try {
            Region region = new Region(id, most, makePages(header), new Ownership(1));
            RegionStatus status = region.ownership().attach(1, owner);
            add(region);
            return status;
        } catch (IOException e) {
            LOG.warn("memory host: region {} cannot be made: {}", id, FileErrors.text(e));
        } catch (SystemCallException | OutOfMemoryError e) {
            LOG.warn("memory host: region {} cannot be made: {}", id, e.getMessage());
        }
        return RegionStatus.NO_ROOM;
    }

    private RegionPages makePages(RegionHeader header) throws IOException {
        RegionMemory memory = directory == null ? new AnonymousMemory(header.pages()) : directory.create(header);
        try {
            return new RegionPages(memory, header.pages(), header.reserved());
        } catch (OutOfMemoryError e) {
            memory.close();
            if (directory != null) {
                directory.delete(header.id());
            }
            throw e;
        }
    }

    /** Keeps a region's epoch, if regions are kept. */
    void save(Region region, long epoch) throws TransportException {
        if (directory == null) {
            return;
        }
        try {
            directory.save(region.header(epoch));
        } catch (IOException e) {
            throw new TransportException(
                    Kind.BROKEN,
                    "epoch " + epoch + " of region " + region.id() + " cannot be kept: " + FileErrors.text(e));
        }
    }

    /** Deletes a region that its owner has given up, or that has expired. */
    synchronized void delete(Region region) {
        regions.remove(region.id());
        if (directory != null) {
            directory.delete(region.id());
        }
        region.pages().close();
        reserved -= region.reserved();
    }

    /** Deletes the regions whose owners have had no connection for so long. */
    void forget(long nanos) {
        for (Region region : regions.values()) {
            if (region.ownership().expire(nanos)) {
                long held = region.pages().heldCount();
                delete(region);
                LOG.info("memory host: region {} forgotten with {} pages: nobody came for it", region.id(), held);
            }
        }
    }

    /** Pages that may still be reserved. */
    synchronized long free() {
        return pages - reserved;
    }

    /** Returns when everything that can outlive this process is on the storage. */
    @Override
    public synchronized void close() {
        List<Region> all = new ArrayList<>(regions.values());
        for (Region region : all) {
            try {
                region.pages().sync();
            } catch (TransportException e) {
                LOG.error("memory host: region {} may not be on the storage: {}", region.id(), e.getMessage());
            }
            region.pages().close();
        }
        regions.clear();
        if (directory != null) {
            directory.close();
        }
    }
}
