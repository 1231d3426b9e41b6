package dev.godwit.agent.api;

import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.LockedDirectory;
import java.io.IOException;
import java.net.ConnectException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

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

    private final LockedDirectory directory;

    private AgentDirectory(LockedDirectory directory) {
        this.directory = directory;
    }

    /**
     * Takes a directory, making it (open to its owner only) if it is not there.
     *
     * @throws Failure when it cannot be made or written, or another agent has it
     */
    public static AgentDirectory take(Path path) {
        Path directory = path.toAbsolutePath().normalize();
        Path socket = directory.resolve("api.sock");
        if (directory.toString().getBytes(StandardCharsets.UTF_8).length > MAX_PATH) {
            throw Failure.badInput("--dir: " + directory + " is longer than " + MAX_PATH
                    + " bytes; a socket in it would have a longer path than the system takes");
        }
        String taken = "another agent serves " + socket;
        return new AgentDirectory(LockedDirectory.take(directory, "agent.lock", taken, () -> {
            if (isServed(socket)) {
                throw Failure.conflict(taken);
            }
        }));
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
        return directory.path();
    }

    /** Where the API is served. */
    public Path socket() {
        return path().resolve("api.sock");
    }

    /** Where reports of migrations are kept. */
    public Path migrations() {
        return path().resolve("migrations");
    }

    @Override
    public void close() {
        directory.close();
    }
}
