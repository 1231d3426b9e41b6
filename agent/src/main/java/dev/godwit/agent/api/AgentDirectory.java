package dev.godwit.agent.api;

import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.FileErrors;
import java.io.IOException;
import java.net.ConnectException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;

/**
 * The directory of an agent: its lock, its API socket and its migration reports. Taken by one agent at a time.
 *
 * <p>A socket that an agent left behind when it was killed is taken over; one on which somebody listens is not.
 */
public final class AgentDirectory implements AutoCloseable {
    /** Longest path of a socket: {@code sun_path} less its final zero, unix(7). */
    private static final int MAX_SOCKET_PATH = 107;
    /** Where the socket is made before it is moved: {@code .api}, up to 20 digits of Java's, {@code /s}. */
    private static final int MAX_PATH = MAX_SOCKET_PATH - "/.api".length() - 20 - "/s".length();

    private final Path directory;
    private final FileChannel lockFile;

    private AgentDirectory(Path directory, FileChannel lockFile) {
        this.directory = directory;
        this.lockFile = lockFile;
    }

    /**
     * Takes a directory, making it (open to its owner only) if it is not there.
     *
     * @throws Failure when it cannot be made or written, or another agent has it
     */
    @SuppressWarnings("resource") // the channel holds the lock until close()
    public static AgentDirectory take(Path path) {
        Path directory = path.toAbsolutePath().normalize();
        Path socket = directory.resolve("api.sock");
        if (directory.toString().getBytes(StandardCharsets.UTF_8).length > MAX_PATH) {
            throw Failure.badInput("--dir: " + directory + " is longer than " + MAX_PATH
                    + " bytes; a socket in it would have a longer path than the system takes");
        }
        try {
            Files.createDirectories(
                    directory, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
            FileChannel lockFile = FileChannel.open(
                    directory.resolve("agent.lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            AgentDirectory taken = new AgentDirectory(directory, lockFile);
            if (!lock(lockFile) || isServed(socket)) {
                taken.close();
                throw Failure.conflict("another agent serves " + socket);
            }
            return taken;
        } catch (FileAlreadyExistsException e) {
            throw Failure.badInput("--dir: " + directory + " is not a directory");
        } catch (AccessDeniedException e) {
            throw Failure.badInput("--dir: " + directory + " may not be written: permission denied");
        } catch (IOException e) {
            throw Failure.badInput("--dir: " + directory + " cannot be used: " + FileErrors.text(e));
        }
    }

    private static boolean lock(FileChannel file) throws IOException {
        try {
            FileLock lock = file.tryLock();
            return lock != null;
        } catch (OverlappingFileLockException e) {
            return false;
        }
    }

    private static boolean isServed(Path socket) throws IOException {
        if (!Files.exists(socket)) {
            return false;
        }
        try (SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            channel.connect(UnixDomainSocketAddress.of(socket));
            return true;
        } catch (ConnectException | NoSuchFileException e) {
            return false;
        } catch (java.net.SocketException e) {
            throw new IOException(socket + ": " + e.getMessage());
        }
    }

    public Path path() {
        return directory;
    }

    /** Where the API is served. */
    public Path socket() {
        return directory.resolve("api.sock");
    }

    /** Where reports of migrations are kept. */
    public Path migrations() {
        return directory.resolve("migrations");
    }

    @Override
    public void close() {
        try {
            lockFile.close();
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }
}
