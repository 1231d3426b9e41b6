package dev.godwit.agent.migration;

import dev.godwit.agent.migration.ControlChannel.Message;
import dev.godwit.agent.migration.MigrationException.Kind;
import dev.godwit.agent.stream.RateLimit;
import dev.godwit.agent.transport.Connection;
import dev.godwit.agent.transport.Credentials;
import dev.godwit.agent.transport.Handshake;
import dev.godwit.agent.transport.Handshake.Role;
import dev.godwit.agent.transport.ProcessIdentity;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.memory.PageSet;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Consumer;

/**
 * All of the source's connections of one migration.
 *
 * <p>Threading: one thread opens, uses and closes it; {@link #abort} from any makes that thread's calls fail.
 */
final class SourceLink implements RoundSink, AutoCloseable {
    private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(5);

    private final InetSocketAddress target;
    private final Credentials credentials;
    private final UUID session;
    private final Duration stall;
    private final String guestName;

    private ControlChannel control;
    private DataStreams streams;
    private PageService pages;
    /** Page connections in the handshake, which are nobody's yet. */
    private final Set<Connection> greeting = new HashSet<>();

    private ProcessIdentity peer = ProcessIdentity.NONE;
    private String wholeBecause = "";
    private Duration restoreTime = Duration.ZERO;
    private Pinger pinger;
    private boolean aborted;

    SourceLink(InetSocketAddress target, Credentials credentials, UUID session, Duration stall, String guestName) {
        this.target = target;
        this.credentials = credentials;
        this.session = session;
        this.stall = stall;
        this.guestName = guestName;
    }

    String guestName() {
        return guestName;
    }

    /** Connects, offers the guest and connects the streams; {@link #awaitAccept} follows. */
    void offer(Offer offer, Machine machine, RateLimit limit) throws TransportException, MigrationException {
        Connection connection = connect(opened -> control = new ControlChannel(opened));
        Handshake.connect(connection, credentials, Role.CONTROL, session, 0);
        control.send(MessageType.OFFER, 0, offer.encode());
        // A broken connection is noticed where the target's next word is due.
        pinger = new Pinger(control, stall, () -> 0, () -> {});
        synchronized (this) {
            streams = new DataStreams(machine.memory(), limit);
        }
        // While the target builds a machine.
        try {
            for (int i = 0; i < offer.streams(); i++) {
                Handshake.connect(connect(streams::add), credentials, Role.DATA, session, i);
            }
        } catch (TransportException e) {
            // Of a target that refuses the guest the word on the control connection says more.
            var _ = control.expect(MessageType.ACCEPT);
            throw e;
        }
    }

    /** Waits until the target takes the guest. */
    void awaitAccept() throws TransportException, MigrationException {
        Message accepted = control.expect(MessageType.ACCEPT);
        AcceptMessage word = AcceptMessage.decode(accepted.payload());
        peer = word.taker();
        wholeBecause = word.wholeBecause();
        restoreTime = Duration.of(Math.clamp(accepted.argument(), 0, 60_000_000), ChronoUnit.MICROS);
    }

    /** The time that restoring a machine takes at the target. */
    Duration restoreTime() {
        return restoreTime;
    }

    /** Why the guest has to come whole, as the target says; empty when its memory may follow it. */
    String wholeBecause() {
        return wholeBecause;
    }

    /** A connection that has been handed to {@code keep} before {@link #abort} could miss it. */
    private Connection connect(Consumer<Connection> keep) throws TransportException {
        Connection connection = Connection.connect(target, CONNECT_TIMEOUT, this::isAborted);
        boolean kept = false;
        try {
            connection.setStall(stall);
            synchronized (this) {
                if (aborted) {
                    throw new TransportException(TransportException.Kind.BROKEN, "the migration was given up");
                }
                keep.accept(connection);
                kept = true;
            }
            return connection;
        } finally {
            if (!kept) {
                connection.close();
            }
        }
    }

    private synchronized boolean isAborted() {
        return aborted;
    }

    /** The pages' way once the guest has gone ahead; closed with this. */
    void follow(PageService service) throws TransportException {
        synchronized (this) {
            pages = service;
            if (aborted) {
                throw new TransportException(TransportException.Kind.BROKEN, "the migration was given up");
            }
        }
        service.open();
    }

    /** One more page connection, which the caller owns. */
    Connection connectPages(int stream) throws TransportException {
        Connection connection = connect(greeting::add);
        boolean known = false;
        try {
            Handshake.connect(connection, credentials, Role.PAGES, session, stream);
            known = true;
            return connection;
        } finally {
            synchronized (this) {
                greeting.remove(connection);
            }
            if (!known) {
                connection.close();
            }
        }
    }

    @Override
    public Sending start(PageSet wanted, PageSet large, int round) {
        return streams.start(wanted, large, round);
    }

    @Override
    public Sending start(PageSet wanted, PageSet large, int round, PageSet written) {
        return streams.start(wanted, large, round, written);
    }

    @Override
    public Sending startLast(PageSet wanted, PageSet large, int round) throws TransportException {
        return streams.startLast(wanted, large, round);
    }

    @Override
    public void awaitArrival(int round) throws TransportException, MigrationException {
        long arrived = control.expectWhileMoving(MessageType.ROUND_DONE, stall).argument();
        if (arrived != round) {
            throw new TransportException(
                    TransportException.Kind.MALFORMED, "the target ended round " + arrived + " in round " + round);
        }
    }

    @Override
    public long contentPages() {
        return streams.contentPages() + (pages == null ? 0 : pages.contentPages());
    }

    @Override
    public long zeroPages() {
        return streams.zeroPages() + (pages == null ? 0 : pages.zeroPages());
    }

    @Override
    public long wireBytes() {
        return streams.wireBytes() + (pages == null ? 0 : pages.wireBytes());
    }

    ControlChannel control() {
        return control;
    }

    /** Breaks all connections, now and to come. */
    synchronized void abort() {
        aborted = true;
        if (control != null) {
            control.connection().abort();
        }
        if (streams != null) {
            streams.abort();
        }
        greeting.forEach(Connection::abort);
        if (pages != null) {
            pages.abort();
        }
    }

    /** Tells the target that it is over, as far as it still hears. */
    void tellAbort(String reason) {
        if (control != null) {
            control.sendLast(MessageType.ABORT, reason);
        }
    }

    /** A broken connection as the target explains it, if it left word why it gave up. */
    MigrationException explained(TransportException broken) {
        boolean gone =
                broken.kind() == TransportException.Kind.CLOSED || broken.kind() == TransportException.Kind.BROKEN;
        return (gone && control != null ? control.lastWords() : Optional.<String>empty())
                .map(word -> new MigrationException(
                        Kind.REFUSED, control.connection().peer() + " gave up: " + word, broken))
                .orElseGet(() -> kinded(broken));
    }

    private static MigrationException kinded(TransportException e) {
        Kind kind = switch (e.kind()) {
            case REFUSED, UNREACHABLE -> Kind.UNREACHABLE;
            case UNAUTHENTICATED -> Kind.UNAUTHENTICATED;
            case VERSION, NOT_SERVED -> Kind.REFUSED;
            case MALFORMED -> Kind.PROTOCOL;
            case CLOSED, STALLED, BROKEN -> Kind.CONNECTION;
        };
        return new MigrationException(kind, e.getMessage(), e);
    }

    /** Asks the target, on a connection of its own, how this session ended there: see {@link Outcome}. */
    Outcome ask() {
        Outcome outcome = askThere();
        if (outcome.ran() || outcome == Outcome.NOT_RUNNING) {
            return outcome;
        }
        ProcessIdentity here = ProcessIdentity.own();
        if (peer.equals(here)) {
            // Both sides are in this process: it knows, whatever has become of the server.
            return SessionBook.OF_THIS_PROCESS.settle(session, peer, here);
        }
        // Of a target on this host the process can be looked at, though nobody answers for it.
        return outcome == Outcome.STRANGER && peer.isGone(here) ? Outcome.NOT_RUNNING : outcome;
    }

    private Outcome askThere() {
        try (Connection connection = Connection.connect(target, CONNECT_TIMEOUT);
                ControlChannel query = new ControlChannel(connection)) {
            connection.setStall(stall);
            Handshake.connect(connection, credentials, Role.QUERY, session, 0);
            query.send(MessageType.ASK, 0, peer.encode());
            return Outcome.of(query.expect(MessageType.OUTCOME).argument());
        } catch (TransportException e) {
            return switch (e.kind()) {
                case REFUSED, NOT_SERVED -> Outcome.STRANGER;
                default -> Outcome.UNKNOWN;
            };
        } catch (MigrationException e) {
            return Outcome.UNKNOWN;
        }
    }

    @Override
    public void close() {
        abort();
        if (pinger != null) {
            pinger.close();
        }
        if (pages != null) {
            pages.close();
        }
        if (streams != null) {
            streams.close();
        }
        if (control != null) {
            control.close();
        }
    }
}
