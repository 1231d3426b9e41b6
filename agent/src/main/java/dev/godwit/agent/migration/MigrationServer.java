package dev.godwit.agent.migration;

import dev.godwit.agent.migration.ControlChannel.Type;
import dev.godwit.agent.transport.Connection;
import dev.godwit.agent.transport.Handshake;
import dev.godwit.agent.transport.Handshake.Greeting;
import dev.godwit.agent.transport.Listener;
import dev.godwit.agent.transport.Secret;
import dev.godwit.agent.transport.TransportException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
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
 * Takes migrations in: listens, and gives each connection that knows the secret to its session.
 *
 * <p>Connections that have not proved it yet are few and short-lived, whatever a stranger sends.
 *
 * <p>Threading: {@link #start} and {@link #close} once; the server has threads of its own.
 */
public final class MigrationServer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(MigrationServer.class);

    /** Strangers at once; more wait in the kernel's queue. */
    private static final int MAX_HANDSHAKES = 64;

    private static final Duration HANDSHAKE_STALL = Duration.ofSeconds(3);
    private static final Duration HANDSHAKE_LIMIT = Duration.ofSeconds(5);

    /** Sessions whose end is remembered, for sources that ask. */
    private static final int MAX_SESSIONS = 1024;

    private final Listener listener;
    private final Secret secret;
    private final TargetHost host;
    private final Semaphore handshakes = new Semaphore(MAX_HANDSHAKES);
    private final Set<Connection> open = ConcurrentHashMap.newKeySet();
    private final Map<UUID, TargetSession> sessions = new LinkedHashMap<>();
    private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().name("migration-timer").daemon().factory());
    private final ExecutorService threads = Executors.newCachedThreadPool(
            Thread.ofPlatform().name("migration-in-", 0).daemon().factory());

    /**
     * Listens; nothing is accepted before {@link #start}.
     *
     * @param listen where; port 0 takes a free one
     * @throws TransportException when the address is in use or not this host's
     */
    public MigrationServer(InetSocketAddress listen, Secret secret, TargetHost host) throws TransportException {
        this.listener = Listener.open(listen);
        this.secret = secret;
        this.host = host;
    }

    /** Where it listens, with the real port. */
    public InetSocketAddress address() {
        return listener.address();
    }

    /** Begins to accept. */
    public void start() {
        threads.execute(this::acceptAll);
    }

    private void acceptAll() {
        try {
            handshakes.acquire();
            for (Connection next = listener.accept(); next != null; next = listener.accept()) {
                Connection connection = next;
                open.add(connection);
                threads.execute(() -> serve(connection));
                handshakes.acquire();
            }
        } catch (TransportException e) {
            LOG.error("no more migrations are accepted: {}", e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void serve(Connection connection) {
        Greeting greeting;
        // However slowly a stranger spells its greeting, it does not hold its place for long.
        Future<?> deadline = timer.schedule(connection::abort, HANDSHAKE_LIMIT.toMillis(), TimeUnit.MILLISECONDS);
        try {
            connection.setStall(HANDSHAKE_STALL);
            greeting = Handshake.accept(connection, secret);
        } catch (TransportException e) {
            LOG.warn("migration connection not accepted: {}", e.getMessage());
            drop(connection);
            return;
        } finally {
            deadline.cancel(false);
            handshakes.release();
        }
        try {
            switch (greeting.role()) {
                case CONTROL -> control(greeting.session(), connection);
                case DATA -> data(greeting, connection);
                case QUERY -> query(greeting.session(), connection);
            }
        } catch (TransportException e) {
            LOG.info("migration {}: {}", greeting.session(), e.getMessage());
        } finally {
            drop(connection);
        }
    }

    private void drop(Connection connection) {
        open.remove(connection);
        connection.close();
    }

    private void control(UUID id, Connection connection) throws TransportException {
        TargetSession session = new TargetSession(connection, host);
        synchronized (sessions) {
            if (sessions.putIfAbsent(id, session) != null) {
                throw new TransportException(
                        TransportException.Kind.MALFORMED, connection.peer() + " opened a session twice");
            }
            if (sessions.size() > MAX_SESSIONS) {
                forgetOldest();
            }
        }
        session.run();
    }

    private void forgetOldest() {
        sessions.values().stream().filter(TargetSession::isOver).findFirst().ifPresent(sessions.values()::remove);
    }

    private void data(Greeting greeting, Connection connection) throws TransportException {
        TargetSession session = find(greeting.session());
        if (session == null) {
            throw new TransportException(
                    TransportException.Kind.MALFORMED, connection.peer() + " sent data for no session");
        }
        // Silence is normal between rounds; the control connection tells whether the source lives.
        connection.setStall(Duration.ZERO);
        session.receive(greeting.stream(), connection);
    }

    private void query(UUID id, Connection connection) throws TransportException {
        TargetSession session = find(id);
        // A session nobody here knows of was another agent's, whose guests ended with it.
        Outcome outcome = session == null ? Outcome.NOT_RUNNING : session.settle();
        new ControlChannel(connection).send(Type.OUTCOME, outcome.ordinal());
    }

    private TargetSession find(UUID id) {
        synchronized (sessions) {
            return sessions.get(id);
        }
    }

    /** Ends the migrations under way, whose guests go on at their sources, and stops listening. */
    @Override
    public void close() {
        listener.stop();
        List<TargetSession> all;
        synchronized (sessions) {
            all = List.copyOf(sessions.values());
        }
        all.forEach(session -> session.shutDown("the target agent shuts down"));
        open.forEach(Connection::abort);
        handshakes.release(MAX_HANDSHAKES);
        threads.close();
        timer.shutdownNow();
        listener.close();
    }
}
