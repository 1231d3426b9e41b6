package dev.godwit.agent.api;

import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.FileErrors;
import dev.godwit.agent.inventory.Inventory;
import dev.godwit.agent.metrics.AgentMetrics;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.unixdomain.server.UnixDomainServerConnector;

/** Serves the API on an agent's Unix socket, which only its owner may open. */
public final class ApiServer implements AutoCloseable {
    private static final int IDLE_MILLIS = 2 * 3_600_000; // longer than the longest request, a snapshot

    /** Callers that may wait at once: a script that asks after each of a hundred guests does. */
    private static final int ACCEPT_QUEUE = 1024;

    private final Server server;

    private final Path socket;

    private ApiServer(Server server, Path socket) {
        this.server = server;
        this.socket = socket;
    }

    /**
     * Starts serving.
     *
     * @throws Failure when the socket cannot be made
     */
    public static ApiServer start(AgentDirectory directory, Inventory inventory, AgentMetrics metrics, AgentInfo info) {
        Server server = new Server(new ApiThreads());
        HttpConfiguration http = new HttpConfiguration();
        http.setSendServerVersion(false);
        UnixDomainServerConnector connector =
                new UnixDomainServerConnector(server, 1, 1, new HttpConnectionFactory(http));
        connector.setIdleTimeout(IDLE_MILLIS);
        connector.setAcceptQueueSize(ACCEPT_QUEUE);
        server.addConnector(connector);
        server.setHandler(new ApiHandler(new Router(new Routes(inventory, metrics, info).all())));
        server.setErrorHandler(new ApiErrors());
        try {
            // Nobody else may open it at any time: it is made in a private place, then moved to where it is looked for.
            Path nursery = Files.createTempDirectory(
                    directory.path(),
                    ".api",
                    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
            Path made = nursery.resolve("s");
            connector.setUnixDomainPath(made);
            try {
                server.start();
                Files.setPosixFilePermissions(made, PosixFilePermissions.fromString("rw-------"));
                Files.move(made, directory.socket(), StandardCopyOption.ATOMIC_MOVE);
            } finally {
                Files.deleteIfExists(made);
                Files.deleteIfExists(nursery);
            }
            return new ApiServer(server, directory.socket());
        } catch (IOException e) {
            throw Failure.failed("the API cannot be served on " + directory.socket() + ": " + FileErrors.text(e));
        } catch (Exception e) {
            throw Failure.failed("the API cannot be served on " + directory.socket() + ": " + e.getMessage());
        }
    }

    @Override
    public void close() {
        try {
            Files.deleteIfExists(socket);
            server.stop();
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }
}
