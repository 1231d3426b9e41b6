package dev.godwit.agent.migration;

import dev.godwit.agent.migration.ControlChannel.Message;
import dev.godwit.agent.migration.ControlChannel.Type;
import dev.godwit.agent.migration.MigrationException.Kind;
import dev.godwit.agent.transport.Connection;
import dev.godwit.agent.transport.Handshake;
import dev.godwit.agent.transport.Handshake.Role;
import dev.godwit.agent.transport.Secret;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.memory.PageSet;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.UUID;

/**
 * All of the source's connections of one migration.
 *
 * <p>Threading: one thread opens, uses and closes it; {@link #abort} from any makes that thread's calls fail.
 */
final class SourceLink implements RoundSink, AutoCloseable {
    private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(5);
    private static final Duration LAST_WORDS_TIMEOUT = Duration.ofMillis(300);

    private final InetSocketAddress target;
    private final Secret secret;
    private final UUID session;
    private final Duration stall;

    private ControlChannel control;
    private DataStreams streams;
    private Pinger pinger;
    private boolean aborted;

    SourceLink(InetSocketAddress target, Secret secret, UUID session, Duration stall) {
        this.target = target;
        this.secret = secret;
        this.session = session;
        this.stall = stall;
    }

    /**
     * Connects, offers the guest and connects the streams.
     *
     * @return the time that restoring a machine takes at the target
     */
    Duration open(Offer offer, Machine machine, RateLimit limit) throws TransportException, MigrationException {
        Connection connection = connect();
        synchronized (this) {
            control = new ControlChannel(connection);
        }
        Handshake.connect(connection, secret, Role.CONTROL, session, 0);
        control.send(Type.OFFER, 0, offer.encode());
        Message accepted = control.expect(Type.ACCEPT);
        synchronized (this) {
            streams = new DataStreams(machine.memory(), limit);
        }
        for (int i = 0; i < offer.streams(); i++) {
            Connection stream = connect();
            streams.add(stream);
            Handshake.connect(stream, secret, Role.DATA, session, i);
        }
        pinger = new Pinger(control, stall);
        return Duration.ofNanos(Math.max(0, Math.min(accepted.argument(), 60_000_000)) * 1000);
    }

    private Connection connect() throws TransportException {
        synchronized (this) {
            if (aborted) {
                throw new TransportException(TransportException.Kind.BROKEN, "the migration was given up");
            }
        }
        Connection connection = Connection.connect(target, CONNECT_TIMEOUT);
        connection.setStall(stall);
        return connection;
    }

    @Override
    public Sending start(PageSet wanted, PageSet large, int round) {
        return streams.start(wanted, large, round);
    }

    @Override
    public void awaitArrival(int round) throws TransportException, MigrationException {
        long arrived = control.expect(Type.ROUND_DONE).argument();
        if (arrived != round) {
            throw new TransportException(
                    TransportException.Kind.MALFORMED, "the target ended round " + arrived + " in round " + round);
        }
    }

    @Override
    public long contentPages() {
        return streams.contentPages();
    }

    @Override
    public long zeroPages() {
        return streams.zeroPages();
    }

    @Override
    public long wireBytes() {
        return streams.wireBytes();
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
    }

    /** Tells the target that it is over, as far as it still hears. */
    void tellAbort(String reason) {
        if (control != null) {
            try {
                control.sendText(Type.ABORT, reason);
            } catch (TransportException gone) {
                // Then it knows already.
                abort();
            }
        }
    }

    /** A broken stream as the target explains it, if it left word why it gave up. */
    MigrationException explained(TransportException broken) {
        if (control != null && broken.kind() != TransportException.Kind.STALLED) {
            try {
                control.connection().setStall(LAST_WORDS_TIMEOUT);
                while (true) {
                    Message message = control.receive();
                    if (message.type() == Type.ABORT || message.type() == Type.REFUSE) {
                        return new MigrationException(
                                Kind.REFUSED, control.connection().peer() + " gave up: " + message.text());
                    }
                }
            } catch (TransportException noWord) {
                return kinded(broken);
            }
        }
        return kinded(broken);
    }

    private static MigrationException kinded(TransportException e) {
        Kind kind = switch (e.kind()) {
            case REFUSED, UNREACHABLE -> Kind.UNREACHABLE;
            case UNAUTHENTICATED -> Kind.UNAUTHENTICATED;
            case VERSION -> Kind.REFUSED;
            case MALFORMED -> Kind.PROTOCOL;
            case CLOSED, STALLED, BROKEN -> Kind.CONNECTION;
        };
        return new MigrationException(kind, e.getMessage(), e);
    }

    /** Asks the target, on a connection of its own, how this session ended there: see {@link Outcome}. */
    Outcome ask() {
        try (Connection connection = Connection.connect(target, CONNECT_TIMEOUT);
                ControlChannel query = new ControlChannel(connection)) {
            connection.setStall(stall);
            Handshake.connect(connection, secret, Role.QUERY, session, 0);
            return Outcome.of(query.expect(Type.OUTCOME).argument());
        } catch (TransportException e) {
            // A host that answers "nobody listens" has no agent any more, and so no guest of ours.
            return e.kind() == TransportException.Kind.REFUSED ? Outcome.NOT_RUNNING : Outcome.UNKNOWN;
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
        if (streams != null) {
            streams.close();
        }
        if (control != null) {
            control.close();
        }
    }
}
