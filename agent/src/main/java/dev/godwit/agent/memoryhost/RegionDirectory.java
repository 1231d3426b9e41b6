package dev.godwit.agent.memoryhost;

import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.FileErrors;
import dev.godwit.agent.config.LockedDirectory;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.bindings.linux.Errno;
import dev.godwit.bindings.linux.FileCalls;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The files of a memory host's regions, of each two: {@code ID.region}, its {@link RegionHeader}, and {@code ID.pages},
 * its {@link FileMemory}. Taken by one memory host at a time.
 *
 * <p>Threading: one thread at a time, but for {@link #save}, which is called for different regions at once.
 */
final class RegionDirectory implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(RegionDirectory.class);

    private static final String HEADER = ".region";
    private static final String PAGES = ".pages";
    private static final String UNFINISHED = ".new";
    /** What the header of a region is called while it is being deleted. */
    private static final String GONE = ".gone";

    private static final String LOCK = "memory-host.lock";
    private static final String PROBE = "probe" + UNFINISHED;

    private static final String ID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}";

    /** What a process that was killed may have left here; of no use. */
    private static final Pattern LEFT_OVER = Pattern.compile("(probe|" + ID + ")\\.new");

    /** A region that it was killed while deleting. */
    private static final Pattern DELETED = Pattern.compile(ID + "\\.gone");

    private final LockedDirectory locked;
    private final Path directory;

    private RegionDirectory(LockedDirectory locked) {
        this.locked = locked;
        this.directory = locked.path();
    }

    /**
     * Takes a directory, making it (open to its owner only) if it is not there.
     *
     * @throws Failure when it cannot be made or written, another memory host has it, or its file system does not do
     */
    static RegionDirectory take(Path path) {
        Path directory = path.toAbsolutePath().normalize();
        return new RegionDirectory(LockedDirectory.take(
                directory, LOCK, "--dir: another memory host has " + directory, () -> probe(directory)));
    }

    /** Whether blocks can be allocated and given back here, tried on a file. */
    private static void probe(Path directory) throws IOException {
        Path file = directory.resolve(PROBE);
        Files.deleteIfExists(file);
        try (FileMemory probe = FileMemory.create(file, 1)) {
            if (!probe.allocate(0, 1)) {
                LOG.warn("memory host: the file system of {} is full", directory);
            }
            probe.drop(0, 1);
        } catch (TransportException e) {
            throw new IOException("its file system cannot allocate blocks and give them back (fallocate)", e);
        } finally {
            Files.deleteIfExists(file);
        }
    }

    /** Hands over every region that is here. What is damaged or foreign is named in one line, and left alone. */
    void load(Consumer<Region> into) {
        for (Path file : files()) {
            String name = file.getFileName().toString();
            if (LEFT_OVER.matcher(name).matches()) {
                delete(file);
            } else if (DELETED.matcher(name).matches()) {
                finishDeleting(file);
            } else if (name.endsWith(HEADER)) {
                try {
                    into.accept(open(file));
                } catch (IOException e) {
                    LOG.warn("memory host: {}; left alone", reason(file, e));
                }
            } else if (!name.equals(LOCK)
                    // Its region's deletion may just have been finished.
                    && Files.exists(file)
                    && !(name.endsWith(PAGES) && Files.exists(sibling(file, HEADER)))) {
                LOG.warn("memory host: {} belongs to no region; left alone", file);
            }
        }
    }

    /** Sorted: the log lines of two starts can be compared. */
    private List<Path> files() {
        try (Stream<Path> files = Files.list(directory)) {
            return new ArrayList<>(files.sorted().toList());
        } catch (IOException e) {
            throw Failure.badInput("--dir: " + directory + " cannot be read: " + FileErrors.text(e));
        }
    }

    private static String reason(Path file, IOException e) {
        String text = FileErrors.text(e);
        return text.startsWith(file.getParent().toString()) ? text : file + " " + text;
    }

    private static Region open(Path file) throws IOException {
        RegionHeader header = HeaderFile.read(file);
        if (!file.getFileName().toString().equals(header.id() + HEADER)) {
            throw new IOException("is of region " + header.id() + ", which has another name");
        }
        FileMemory memory = FileMemory.open(sibling(file, PAGES), header.pages());
        try {
            RegionPages pages = RegionPages.found(memory, header.pages(), header.reserved());
            return new Region(header.id(), header.reserved(), pages, new Ownership(header.epoch()));
        } catch (IOException | RuntimeException | Error e) {
            memory.close();
            throw e;
        }
    }

    private static Path sibling(Path file, String suffix) {
        String name = file.getFileName().toString();
        return file.resolveSibling(name.substring(0, name.lastIndexOf('.')) + suffix);
    }

    /** Whether there are files of a region of that id, sound or not. */
    boolean has(UUID id) {
        return Stream.of(HEADER, PAGES, GONE).anyMatch(suffix -> Files.exists(directory.resolve(id + suffix)));
    }

    /** Makes the files of a new region. */
    RegionMemory create(RegionHeader header) throws IOException {
        Path pages = directory.resolve(header.id() + PAGES);
        FileMemory memory = FileMemory.create(pages, header.pages());
        try {
            HeaderFile.create(
                    directory.resolve(header.id() + HEADER), directory.resolve(header.id() + UNFINISHED), header);
            syncDirectory();
            return memory;
        } catch (IOException | RuntimeException | Error e) {
            memory.close();
            delete(header.id());
            throw e;
        }
    }

    /** Keeps the next epoch of a region, which is on the storage on return. */
    void save(RegionHeader header) throws IOException {
        HeaderFile.update(directory.resolve(header.id() + HEADER), header);
    }

    private void syncDirectory() throws IOException {
        int flags = FileCalls.O_RDONLY | FileCalls.O_DIRECTORY | FileCalls.O_CLOEXEC;
        int fd = FileCalls.open(directory.toString(), flags);
        int result = fd < 0 ? fd : FileCalls.fsync(fd);
        if (fd >= 0) {
            FileCalls.close(fd);
        }
        if (result < 0) {
            throw new IOException(directory + ": " + Errno.description(-result));
        }
    }

    /**
     * Deletes a region's files: the header first loses its name, without which the pages are nobody's, and last its file,
     * which says until then that they are to be deleted.
     */
    void delete(UUID id) {
        Path header = directory.resolve(id + HEADER);
        Path gone = sibling(header, GONE);
        try {
            Files.move(header, gone, StandardCopyOption.ATOMIC_MOVE);
        } catch (NoSuchFileException e) {
            // It had not come that far.
        } catch (IOException e) {
            LOG.warn("memory host: {} cannot be renamed: {}", header, FileErrors.text(e));
            delete(header);
        }
        finishDeleting(gone);
    }

    private static void finishDeleting(Path gone) {
        delete(sibling(gone, PAGES));
        delete(gone);
    }

    private static void delete(Path file) {
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            LOG.warn("memory host: {} cannot be deleted: {}", file, FileErrors.text(e));
        }
    }

    @Override
    public void close() {
        locked.close();
    }
}
