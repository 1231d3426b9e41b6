package dev.godwit.agent.memoryhost;

import dev.godwit.agent.transport.TransportException;
import dev.godwit.agent.transport.TransportException.Kind;
import dev.godwit.bindings.linux.Errno;
import dev.godwit.bindings.linux.FileCalls;
import dev.godwit.bindings.linux.MemoryCalls;
import dev.godwit.bindings.linux.SystemCallException;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Pages in a sparse file, page p at 4096 × p: a page that is not held is a hole.
 *
 * <p>Blocks are allocated before anything is written through the mapping, so that a full disk is an answer of
 * {@code fallocate(2)} and not a SIGBUS. What was written outlives this process at once, and the host after
 * {@link #sync}.
 */
final class FileMemory implements RegionMemory {
    private static final int OWNER_ONLY = 0600;
    private static final int PUNCH = FileCalls.FALLOC_FL_PUNCH_HOLE | FileCalls.FALLOC_FL_KEEP_SIZE;

    private final Path path;
    private final int fd;
    private final long bytes;
    private final MemorySegment mapping;

    @SuppressWarnings("restricted") // the kernel mapped exactly these bytes
    private FileMemory(Path path, int fd, long pages) throws IOException {
        this.path = path;
        this.fd = fd;
        this.bytes = pages << PageSize.SMALL_SHIFT;
        long address = MemoryCalls.mmap(
                0, bytes, MemoryCalls.PROT_READ | MemoryCalls.PROT_WRITE, MemoryCalls.MAP_SHARED, fd, 0);
        if (address == -Errno.EINVAL || address == -Errno.ENODEV) {
            throw new IOException(
                    "its file system has no shared mappings of files, as 9p; ext4, xfs, btrfs and tmpfs have");
        }
        if (address < 0) {
            throw new IOException(path + " cannot be mapped: " + Errno.description((int) -address));
        }
        mapping = MemorySegment.ofAddress(address).reinterpret(bytes);
        // Without read-ahead: what ext4 reads ahead it caches in units of many pages (seen on Linux 6.18), and a write
        // to one page of a unit allocates blocks for all of them. Holes beside it would be data, after a restart as if
        // they were held, and on a full disk the write to a page that has its block would be a SIGBUS.
        check(MemoryCalls.madvise(address, bytes, MemoryCalls.MADV_RANDOM), path);
    }

    /** Makes the file, which must not exist. */
    static FileMemory create(Path path, long pages) throws IOException {
        return map(path, pages, FileCalls.O_CREAT | FileCalls.O_EXCL);
    }

    /** Opens the file of a region of so many pages. */
    static FileMemory open(Path path, long pages) throws IOException {
        return map(path, pages, 0);
    }

    private static FileMemory map(Path path, long pages, int flags) throws IOException {
        int fd = FileCalls.open(path.toString(), FileCalls.O_RDWR | FileCalls.O_CLOEXEC | flags, OWNER_ONLY);
        check(fd, path);
        try {
            if (flags != 0) {
                check(FileCalls.ftruncate(fd, pages << PageSize.SMALL_SHIFT), path);
            }
            long size = FileCalls.size(fd);
            check((int) Math.min(size, 0), path);
            if (size != pages << PageSize.SMALL_SHIFT) {
                throw new IOException(path + " has " + size + " bytes, not the " + (pages << PageSize.SMALL_SHIFT)
                        + " of its region");
            }
            return new FileMemory(path, fd, pages);
        } catch (IOException | RuntimeException | Error e) {
            FileCalls.close(fd);
            if (flags != 0) {
                Files.deleteIfExists(path);
            }
            throw e;
        }
    }

    private static void check(int result, Path path) throws IOException {
        if (result < 0) {
            throw new IOException(path + ": " + Errno.description(-result));
        }
    }

    /**
     * Finds the pages that have been written, and gives back what was allocated and never written.
     *
     * @param held empty; receives them
     */
    void findHeld(PageSet held) throws IOException, TransportException {
        for (long at = 0; at < bytes; ) {
            long data = FileCalls.lseek(fd, at, FileCalls.SEEK_DATA);
            long from = data == -Errno.ENXIO ? bytes : data;
            check((int) Math.min(from, 0), path);
            long end = from == bytes ? bytes : FileCalls.lseek(fd, from, FileCalls.SEEK_HOLE);
            check((int) Math.min(end, 0), path);
            long firstHeld = from >>> PageSize.SMALL_SHIFT;
            long firstHole = at >>> PageSize.SMALL_SHIFT;
            drop(firstHole, firstHeld - firstHole);
            at = PageSize.pagesIn(end) << PageSize.SMALL_SHIFT;
            held.addRange(firstHeld, (at >>> PageSize.SMALL_SHIFT) - firstHeld);
        }
    }

    @Override
    public MemorySegment segment() {
        return mapping;
    }

    @Override
    public void willRead(long first, long count) {
        // What is not read ahead by itself; a hint, and nothing is lost without it.
        MemoryCalls.madvise(
                mapping.address() + (first << PageSize.SMALL_SHIFT),
                count << PageSize.SMALL_SHIFT,
                MemoryCalls.MADV_WILLNEED);
    }

    @Override
    public boolean allocate(long first, long count) throws TransportException {
        int result = fallocate(0, first, count);
        return switch (-result) {
            case 0 -> true;
            case Errno.ENOSPC, Errno.EDQUOT, Errno.EFBIG -> false;
            default -> throw new TransportException(Kind.BROKEN, path + ": " + Errno.description(-result));
        };
    }

    @Override
    public void drop(long first, long count) throws TransportException {
        int result = count == 0 ? 0 : fallocate(PUNCH, first, count);
        if (result < 0) {
            throw new TransportException(Kind.BROKEN, path + ": " + Errno.description(-result));
        }
    }

    private int fallocate(int mode, long first, long count) {
        int result;
        do {
            result = FileCalls.fallocate(fd, mode, first << PageSize.SMALL_SHIFT, count << PageSize.SMALL_SHIFT);
        } while (result == -Errno.EINTR);
        return result;
    }

    @Override
    public void sync() throws TransportException {
        int result = FileCalls.fsync(fd);
        if (result < 0) {
            throw new TransportException(Kind.BROKEN, path + ": " + Errno.description(-result));
        }
    }

    @Override
    public void close() {
        SystemCallException.check(MemoryCalls.munmap(mapping.address(), bytes), "munmap of a region");
        FileCalls.close(fd);
    }
}
