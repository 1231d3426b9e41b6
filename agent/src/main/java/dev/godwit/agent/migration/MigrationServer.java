package dev.godwit.agent.migration;

import dev.godwit.agent.transport.Connection;
import dev.godwit.agent.transport.Credentials;
import dev.godwit.agent.transport.GreetingServer;
import dev.godwit.agent.transport.Handshake.Greeting;
import dev.godwit.agent.transport.Handshake.Role;
import dev.godwit.agent.transport.ProcessIdentity;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.thread.Uninterruptibly;
import dev.godwit.host.thread.Urgency;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes migrations in: gives each connection whose peer is believed to its session.
 *
 * <p>Threading: {@link #start} and {@link #close} once; the server has threads of its own.
 */
public final class MigrationServer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(MigrationServer.class);

    /** How often a data stream's bytes are counted at least. */
    private static final Duration LOOK = Duration.ofMillis(100);

    /** A moment's work, on however busy a host. */
    private static final Duration ENTERING = Duration.ofSeconds(2);

    private final GreetingServer server;
    private final TargetHost host;
    private final ProcessIdentity here = ProcessIdentity.own();

    /** Those under way here. */
    private final Map<UUID, TargetSession> sessions = new HashMap<>();

    private boolean closing;

    /**
     * Listens; nothing is accepted before {@link #start}.
     *
     * @param listen where; port 0 takes a free one
     * @throws TransportException when the address is in use or not this host's
     */
    public MigrationServer(InetSocketAddress listen, Credentials credentials, TargetHost host)
            throws TransportException {
        this.host = host;
        this.server = new GreetingServer(
                "migration",
                listen,
                credentials,
                EnumSet.of(Role.CONTROL, Role.DATA, Role.QUERY, Role.PAGES),
                this::attend);
    }

    /** Where it listens, with the real port. */
    public InetSocketAddress address() {
        return server.address();
    }

    /** Begins to accept. */
    public void start() {
        server.start();
    }

    private void attend(Greeting greeting, Connection connection) {
        try {
            switch (greeting.role()) {
                case CONTROL -> control(greeting.session(), connection);
                case DATA -> data(greeting, connection);
                case PAGES -> pages(greeting, connection);
                case QUERY -> query(greeting.session(), connection);
                case MEMORY -> throw new IllegalArgumentException("not a migration's: " + greeting);
            }
        } catch (TransportException | MigrationException e) {
            LOG.info("migration {}: {}", greeting.session(), e.getMessage());
        }
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
            sessions.notifyAll();
        }
        // The session breaks its connection itself, and not while the source is to hear that its guest runs here.
        server.release(connection);
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
        TargetSession session = await(greeting.session());
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
        try (Urgency.Pause _ = Urgency.pause()) {
            session.bringPages(greeting.stream(), connection);
        }
    }

    private void query(UUID id, Connection connection) throws TransportException, MigrationException {
        try (ControlChannel channel = new ControlChannel(connection)) {
            ProcessIdentity taker =
                    ProcessIdentity.decode(channel.expect(MessageType.ASK).payload());
            Outcome outcome = SessionBook.OF_THIS_PROCESS.settle(id, taker, here);
            channel.send(MessageType.OUTCOME, outcome.wire());
        }
    }

    /** A source that has been greeted does not wait with its data streams until its session is entered here. */
    private TargetSession await(UUID id) {
        long deadline = System.nanoTime() + ENTERING.toNanos();
        synchronized (sessions) {
            Uninterruptibly.await(() -> {
                for (long left = ENTERING.toMillis(); !closing && !sessions.containsKey(id) && left > 0; ) {
                    sessions.wait(left);
                    left = (deadline - System.nanoTime()) / 1_000_000;
                }
            });
            return sessions.get(id);
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
        server.stop();
        List<TargetSession> all;
        synchronized (sessions) {
            closing = true;
            sessions.notifyAll();
            all = List.copyOf(sessions.values());
        }
        all.forEach(session -> session.shutDown("the target agent shuts down"));
        server.close();
    }
}
