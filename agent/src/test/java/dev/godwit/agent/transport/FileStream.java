package dev.godwit.agent.transport;

import dev.godwit.agent.transport.TransportException.Kind;
import dev.godwit.bindings.linux.Errno;
import dev.godwit.bindings.linux.ErrnoCapture;
import dev.godwit.bindings.linux.FileCalls;
import dev.godwit.bindings.linux.GatherMessage;
import dev.godwit.bindings.linux.SocketCalls;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/**
 * A stream of page frames in a file, for tests.
 *
 * <p>Threading: one thread at a time.
 */
public final class FileStream implements ByteSink, ByteSource, AutoCloseable {
    private static final int OWNER_ONLY = 0600;

    private final Path path;
    private final int fd;

    private FileStream(Path path, int fd) {
        this.path = path;
        this.fd = fd;
    }

    /** Makes a new file that only its owner may read; it must not exist. */
    public static FileStream create(Path path) throws TransportException {
        int flags = FileCalls.O_WRONLY | FileCalls.O_CREAT | FileCalls.O_EXCL | FileCalls.O_CLOEXEC;
        return opened(path, FileCalls.open(path.toString(), flags, OWNER_ONLY));
    }

    /** Opens a file to read. */
    public static FileStream open(Path path) throws TransportException {
        return opened(path, FileCalls.open(path.toString(), FileCalls.O_RDONLY | FileCalls.O_CLOEXEC));
    }

    private static FileStream opened(Path path, int fd) throws TransportException {
        if (fd < 0) {
            throw new TransportException(Kind.UNREACHABLE, path + ": " + Errno.description(-fd));
        }
        return new FileStream(path, fd);
    }

    @Override
    public String peer() {
        return path.toString();
    }

    @Override
    public void send(MemorySegment bytes) throws TransportException {
        MemorySegment errno = ErrnoCapture.ofThread();
        for (long at = 0, size = bytes.byteSize(); at < size; ) {
            at += moved(FileCalls.write(errno, fd, bytes.address() + at, size - at));
        }
    }

    @Override
    public void send(GatherMessage message) throws TransportException {
        MemorySegment errno = ErrnoCapture.ofThread();
        while (message.count() > 0) {
            message.advance(moved(SocketCalls.writev(errno, fd, message.rangesAddress(), message.count())));
        }
    }

    @Override
    public void receive(MemorySegment bytes) throws TransportException {
        MemorySegment errno = ErrnoCapture.ofThread();
        for (long at = 0, size = bytes.byteSize(); at < size; ) {
            at += moved(FileCalls.read(errno, fd, bytes.address() + at, size - at));
        }
    }

    @Override
    public void receive(GatherMessage message) throws TransportException {
        MemorySegment errno = ErrnoCapture.ofThread();
        while (message.count() > 0) {
            message.advance(moved(SocketCalls.readv(errno, fd, message.rangesAddress(), message.count())));
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

    @Override
    public void close() {
        FileCalls.close(fd);
    }
}
