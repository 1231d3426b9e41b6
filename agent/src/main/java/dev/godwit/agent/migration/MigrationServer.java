package dev.godwit.agent.migration;

import dev.godwit.agent.transport.Connection;
import dev.godwit.agent.transport.Credentials;
import dev.godwit.agent.transport.Handshake;
import dev.godwit.agent.transport.Handshake.Greeting;
import dev.godwit.agent.transport.Listener;
import dev.godwit.agent.transport.ProcessIdentity;
import dev.godwit.agent.transport.TransportException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
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
 * Takes migrations in: listens, and gives each connection whose peer is believed to its session.
 *
 * <p>Connections that have not proved it yet are few and short-lived, whatever a stranger sends.
 *
 * <p>Threading: {@link #start} and {@link #close} once; the server has threads of its own.
 */
public final class MigrationServer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(MigrationServer.class);

    /** Strangers at once; more wait in the kernel's queue. */
    private static final int MAX_HANDSHAKES = 64;

    private static final Duration HANDSHAKE_STALL = Duration.ofSeconds(10);
    private static final Duration HANDSHAKE_LIMIT = Duration.ofSeconds(10);

    /** How often a data stream's bytes are counted at least. */
    private static final Duration LOOK = Duration.ofMillis(100);

    private final Listener listener;
    private final Credentials credentials;
    private final TargetHost host;
    private final Semaphore handshakes = new Semaphore(MAX_HANDSHAKES);
    private final Set<Connection> open = ConcurrentHashMap.newKeySet();
    private final ProcessIdentity here = ProcessIdentity.own();

    /** Those under way here. */
    private final Map<UUID, TargetSession> sessions = new HashMap<>();

    private boolean closing;
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
    public MigrationServer(InetSocketAddress listen, Credentials credentials, TargetHost host)
            throws TransportException {
        this.listener = Listener.open(listen);
        this.credentials = credentials;
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
                begin(next);
                handshakes.acquire();
            }
        } catch (TransportException e) {
            LOG.error("no more migrations are accepted: {}", e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void begin(Connection connection) {
        try {
            open.add(connection);
            if (isClosing()) {
                connection.abort();
            }
            threads.execute(() -> serve(connection));
        } catch (RuntimeException | Error e) {
            // Shutting down, or no thread to be had: this one is turned away, later ones may be luckier.
            LOG.warn("migration connection from {} turned away: {}", connection.peer(), e.toString());
            drop(connection);
            handshakes.release();
        }
    }

    private void serve(Connection connection) {
        try {
            greet(connection).ifPresent(greeting -> attend(greeting, connection));
        } catch (RuntimeException | Error e) {
            LOG.error("migration connection from {} failed", connection.peer(), e);
        } finally {
            drop(connection);
        }
    }

    private Optional<Greeting> greet(Connection connection) {
        // However slowly a stranger spells its greeting, it does not hold its place for long.
        Future<?> deadline = timer.schedule(connection::abort, HANDSHAKE_LIMIT.toMillis(), TimeUnit.MILLISECONDS);
        try {
            connection.setStall(HANDSHAKE_STALL);
            return Optional.of(Handshake.accept(connection, credentials));
        } catch (TransportException e) {
            LOG.warn("migration connection not accepted: {}", e.getMessage());
            return Optional.empty();
        } finally {
            deadline.cancel(false);
            handshakes.release();
        }
    }

    private void attend(Greeting greeting, Connection connection) {
        try {
            switch (greeting.role()) {
                case CONTROL -> control(greeting.session(), connection);
                case DATA -> data(greeting, connection);
                case PAGES -> pages(greeting, connection);
                case QUERY -> query(greeting.session(), connection);
                case MEMORY ->
                    throw new TransportException(
                            TransportException.Kind.MALFORMED,
                            connection.peer() + " takes this agent for a memory host");
            }
        } catch (TransportException | MigrationException e) {
            LOG.info("migration {}: {}", greeting.session(), e.getMessage());
        }
    }

    private void drop(Connection connection) {
        open.remove(connection);
        connection.close();
    }

    private void control(UUID id, Connection connection) throws TransportException {
        TargetSession session = new TargetSession(connection, host);
        synchronized (sessions) {
            if (closing || !SessionBook.OF_THIS_PROCESS.begin(id, session)) {
                session.discard();
                throw new TransportException(
                        TransportException.Kind.MALFORMED,
                        connection.peer() + " opened a session " + (closing ? "while this agent ends" : "twice"));
            }
            sessions.put(id, session);
        }
        // The session breaks its connection itself, and not while the source is to hear that its guest runs here.
        open.remove(connection);
        try {
            session.run();
        } finally {
            SessionBook.OF_THIS_PROCESS.end(id, session.outcome());
            synchronized (sessions) {
                sessions.remove(id);
            }
        }
    }

    private void data(Greeting greeting, Connection connection) throws TransportException {
        TargetSession session = find(greeting.session());
        if (session == null) {
            throw new TransportException(
                    TransportException.Kind.MALFORMED, connection.peer() + " sent data for no session");
        }
        // Silence is normal between rounds; the control connection tells whether the source lives.
        connection.setPatient(LOOK);
        session.receive(greeting.stream(), connection);
    }

    private void pages(Greeting greeting, Connection connection) throws TransportException {
        TargetSession session = find(greeting.session());
        if (session == null) {
            throw new TransportException(
                    TransportException.Kind.MALFORMED, connection.peer() + " brings pages for no session");
        }
        connection.setPatient(LOOK);
        session.bringPages(greeting.stream(), connection);
    }

    private void query(UUID id, Connection connection) throws TransportException, MigrationException {
        try (ControlChannel channel = new ControlChannel(connection)) {
            ProcessIdentity taker =
                    ProcessIdentity.decode(channel.expect(MessageType.ASK).payload());
            Outcome outcome = SessionBook.OF_THIS_PROCESS.settle(id, taker, here);
            channel.send(MessageType.OUTCOME, outcome.wire());
        }
    }

    private boolean isClosing() {
        synchronized (sessions) {
            return closing;
        }
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
            closing = true;
            all = List.copyOf(sessions.values());
        }
        all.forEach(session -> session.shutDown("the target agent shuts down"));
        open.forEach(Connection::abort);
        handshakes.release(MAX_HANDSHAKES);
        threads.close();
        timer.shutdownNow();
        timer.close();
        listener.close();
    }
}
