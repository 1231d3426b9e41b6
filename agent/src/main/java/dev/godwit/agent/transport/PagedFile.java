package dev.godwit.agent.transport;

import dev.godwit.agent.transport.TransportException.Kind;
import dev.godwit.bindings.linux.Errno;
import dev.godwit.bindings.linux.ErrnoCapture;
import dev.godwit.bindings.linux.FileCalls;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * A file of which ranges are written and read, straight from and to memory.
 *
 * <p>Threading: any thread; {@link #close} when no call is under way.
 */
public final class PagedFile implements AutoCloseable {
    private static final int OWNER_ONLY = 0600;

    private final Path path;
    private final int fd;

    private PagedFile(Path path, int fd) throws TransportException {
        if (fd < 0) {
            throw new TransportException(Kind.UNREACHABLE, path + ": " + Errno.description(-fd));
        }
        this.path = path;
        this.fd = fd;
    }

    /** Makes a new file that only its owner may read; it must not exist. */
    public static PagedFile create(Path path) throws TransportException {
        int flags = FileCalls.O_RDWR | FileCalls.O_CREAT | FileCalls.O_EXCL | FileCalls.O_CLOEXEC;
        return new PagedFile(path, FileCalls.open(path.toString(), flags, OWNER_ONLY));
    }

    /** Opens a file to read. */
    public static PagedFile open(Path path) throws TransportException {
        return new PagedFile(path, FileCalls.open(path.toString(), FileCalls.O_RDONLY | FileCalls.O_CLOEXEC));
    }

    /** Writes all of {@code bytes} at {@code offset}. */
    public void write(long offset, MemorySegment bytes) throws TransportException {
        MemorySegment errno = ErrnoCapture.ofThread();
        for (long at = 0, size = bytes.byteSize(); at < size; ) {
            at += moved(FileCalls.pwrite(errno, fd, bytes.address() + at, size - at, offset + at));
        }
    }

    /** Reads all of {@code bytes} from {@code offset} on. */
    public void read(long offset, MemorySegment bytes) throws TransportException {
        MemorySegment errno = ErrnoCapture.ofThread();
        for (long at = 0, size = bytes.byteSize(); at < size; ) {
            at += moved(FileCalls.pread(errno, fd, bytes.address() + at, size - at, offset + at));
        }
    }

    private long moved(long result) throws TransportException {
        if (result > 0) {
            return result;
        }
        if (result == -Errno.EINTR) {
            return 0;
        }
        if (result == 0) {
            throw new TransportException(Kind.CLOSED, path + " ends too early: it is truncated");
        }
        throw new TransportException(Kind.BROKEN, path + ": " + Errno.description((int) -result));
    }

    /** Its size in bytes. */
    public long size() throws TransportException {
        long size = FileCalls.size(fd);
        if (size < 0) {
            throw new TransportException(Kind.BROKEN, path + ": " + Errno.description((int) -size));
        }
        return size;
    }

    /** A read-only mapping of a range, for as long as {@code arena} is open. */
    public MemorySegment map(Arena arena, long offset, long bytes) throws TransportException {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            return channel.map(FileChannel.MapMode.READ_ONLY, offset, bytes, arena);
        } catch (IOException e) {
            throw new TransportException(Kind.BROKEN, path + " cannot be mapped: " + e.getMessage());
        }
    }

    /** Returns when the content is safe on the storage. */
    public void sync() throws TransportException {
        int result = FileCalls.fsync(fd);
        if (result < 0) {
            throw new TransportException(Kind.BROKEN, path + ": " + Errno.description(-result));
        }
    }

    @Override
    public void close() {
        FileCalls.close(fd);
    }
}
