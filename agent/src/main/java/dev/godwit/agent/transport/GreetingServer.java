package dev.godwit.agent.transport;

import dev.godwit.agent.transport.Handshake.Greeting;
import dev.godwit.agent.transport.Handshake.Role;
import dev.godwit.host.thread.PromptThread;
import dev.godwit.host.thread.Urgency;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes connections in: listens, and hands on each whose peer is believed and asks for something that is served here,
 * on a thread of its own.
 *
 * <p>Connections that have not proved it yet are few and short-lived, whatever a stranger sends.
 *
 * <p>Threading: {@link #start}, {@link #stop} and {@link #close} once, in that order; {@link #release} from any thread.
 */
public final class GreetingServer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(GreetingServer.class);

    /** Strangers at once; more wait in the kernel's queue. */
    private static final int MAX_HANDSHAKES = 64;

    private static final Duration HANDSHAKE_STALL = Duration.ofSeconds(10);
    private static final Duration HANDSHAKE_LIMIT = Duration.ofSeconds(10);

    private final String name;
    private final Listener listener;
    private final Credentials credentials;
    private final Set<Role> roles;
    private final Attendant attendant;
    private final Semaphore handshakes = new Semaphore(MAX_HANDSHAKES);
    private final Set<Connection> open = ConcurrentHashMap.newKeySet();
    private volatile boolean stopped;
    private final ScheduledExecutorService timer;
    private final ExecutorService threads;

    /** Who attends to a connection whose peer is believed. */
    public interface Attendant {
        /**
         * Returns when the connection is of no more use; it is closed then. An exception is a defect. The calling thread
         * has been urgent since the connection came, and pauses in what takes long: else what is short would have to wait
         * its turn in between.
         */
        void attend(Greeting greeting, Connection connection);
    }

    /**
     * Listens; nothing is accepted before {@link #start}.
     *
     * @param name what the connections are of, in log lines and thread names
     * @param listen where; port 0 takes a free one
     * @param roles what is served; who asks for another role is turned away
     * @throws TransportException when the address is in use or not this host's
     */
    public GreetingServer(
            String name, InetSocketAddress listen, Credentials credentials, Set<Role> roles, Attendant attendant)
            throws TransportException {
        this.listener = Listener.open(listen);
        this.name = name;
        this.credentials = credentials;
        this.roles = Set.copyOf(roles);
        this.attendant = attendant;
        this.timer = Executors.newSingleThreadScheduledExecutor(
                Thread.ofPlatform().name(name + "-timer").daemon().factory());
        this.threads = PromptThread.urgentPool(name + "-in-");
    }

    /** Where it listens, with the real port. */
    public InetSocketAddress address() {
        return listener.address();
    }

    /** Begins to accept. */
    public void start() {
        threads.execute(this::acceptAll);
    }

    /** Where strangers from elsewhere may call they are accepted in turn. */
    private void acceptAll() {
        try (Urgency.Pause _ = Urgency.pauseIf(!address().getAddress().isLoopbackAddress())) {
            handshakes.acquire();
            for (Connection next = listener.accept(); next != null; next = listener.accept()) {
                begin(next);
                handshakes.acquire();
            }
        } catch (TransportException e) {
            LOG.error("no more {} connections are accepted: {}", name, e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void begin(Connection connection) {
        try {
            open.add(connection);
            if (stopped) {
                connection.abort();
            }
            threads.execute(() -> serve(connection));
        } catch (RuntimeException | Error e) {
            // Shutting down, or no thread to be had: this one is turned away, later ones may be luckier.
            LOG.warn("{} connection from {} turned away: {}", name, connection.peer(), e.toString());
            drop(connection);
            handshakes.release();
        }
    }

    private void serve(Connection connection) {
        try {
            greet(connection).ifPresent(greeting -> attendant.attend(greeting, connection));
        } catch (RuntimeException | Error e) {
            LOG.error("{} connection from {} failed", name, connection.peer(), e);
        } finally {
            drop(connection);
        }
    }

    private Optional<Greeting> greet(Connection connection) {
        // However slowly a stranger spells its greeting, it does not hold its place for long.
        Future<?> deadline = timer.schedule(connection::abort, HANDSHAKE_LIMIT.toMillis(), TimeUnit.MILLISECONDS);
        try {
            connection.setStall(HANDSHAKE_STALL);
            return Optional.of(Handshake.accept(connection, credentials, roles));
        } catch (TransportException e) {
            try (Urgency.Pause _ = Urgency.pause()) {
                LOG.warn("{} connection not accepted: {}", name, e.getMessage());
            }
            return Optional.empty();
        } finally {
            deadline.cancel(false);
            handshakes.release();
        }
    }

    private void drop(Connection connection) {
        open.remove(connection);
        connection.close();
    }

    /** Leaves it to the attendant to break this connection when the server closes. */
    public void release(Connection connection) {
        open.remove(connection);
    }

    /** Accepts no more; what is under way goes on. */
    public void stop() {
        stopped = true;
        listener.stop();
    }

    /** Breaks all connections and returns when nobody attends to one any more. */
    @Override
    public void close() {
        stop();
        open.forEach(Connection::abort);
        handshakes.release(MAX_HANDSHAKES);
        threads.close();
        timer.shutdownNow();
        timer.close();
        listener.close();
    }
}
