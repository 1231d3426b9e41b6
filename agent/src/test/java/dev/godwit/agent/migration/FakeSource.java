package dev.godwit.agent.migration;

import dev.godwit.agent.stream.PageFrame;
import dev.godwit.agent.transport.Connection;
import dev.godwit.agent.transport.Handshake;
import dev.godwit.agent.transport.Handshake.Role;
import dev.godwit.agent.transport.ProcessIdentity;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.machine.Machine;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/** A source that speaks the protocol by hand, so that it can do it wrong. */
final class FakeSource implements AutoCloseable {
    private final InetSocketAddress target;
    final UUID session = UUID.randomUUID();
    final List<Connection> streams = new ArrayList<>();
    final ControlChannel control;

    /** Connected and known, nothing more. */
    FakeSource(InetSocketAddress target) throws TransportException {
        this.target = target;
        this.control = new ControlChannel(connect(Role.CONTROL, session, 0));
    }

    private Connection connect(Role role, UUID id, int stream) throws TransportException {
        Connection connection = Connection.connect(target, Duration.ofSeconds(5));
        connection.setStall(Duration.ofSeconds(20));
        Handshake.connect(connection, LoopbackHost.SECRET, role, id, stream);
        return connection;
    }

    /** Offers a guest and waits for the answer. */
    void offer(Offer offer) throws TransportException, MigrationException {
        control.send(MessageType.OFFER, 0, offer.encode());
        control.expect(MessageType.ACCEPT);
    }

    Connection openStream(int number) throws TransportException {
        Connection stream = connect(Role.DATA, session, number);
        streams.add(stream);
        return stream;
    }

    /** Opens a page connection. */
    void openPages(int number) throws TransportException {
        streams.add(connect(Role.PAGES, session, number));
    }

    /** Sends bytes on a stream or on the control connection. */
    static void send(Connection connection, byte... bytes) throws TransportException {
        try (Arena arena = Arena.ofConfined()) {
            connection.send(arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes));
        }
    }

    /** A frame's header. */
    static byte[] header(int type, int runs, long first, int flags, int round, long content) {
        MemorySegment head = MemorySegment.ofArray(new byte[PageFrame.HEADER_BYTES]);
        head.set(PageFrame.U32, PageFrame.TYPE, type);
        head.set(PageFrame.U32, PageFrame.RUNS, runs);
        head.set(PageFrame.U64, PageFrame.FIRST_PAGE, first);
        head.set(PageFrame.U32, PageFrame.FLAGS, flags);
        head.set(PageFrame.U32, PageFrame.ROUND, round);
        head.set(PageFrame.U64, PageFrame.CONTENT_BYTES, content);
        return head.toArray(ValueLayout.JAVA_BYTE);
    }

    /** A round without pages on every stream. */
    void emptyRound(int round) throws TransportException, MigrationException {
        emptyRoundOn(streams, round);
    }

    /** A round without pages on some streams. */
    void emptyRoundOn(List<Connection> some, int round) throws TransportException, MigrationException {
        for (Connection stream : some) {
            send(stream, header(PageFrame.ROUND_END, 0, round, 0, 0, 0));
        }
        control.expect(MessageType.ROUND_DONE);
    }

    /** Sends the state of a paused machine and waits until the target is ready. */
    void state(Machine machine, int round) throws TransportException, MigrationException {
        control.send(
                MessageType.STATE, (long) round << 1, machine.save().state().encode());
        control.expect(MessageType.READY);
    }

    /** Asks how a session ended that nobody knows who took. */
    Outcome ask(UUID id) throws TransportException, MigrationException {
        return ask(id, ProcessIdentity.NONE);
    }

    /** Asks how a session ended. */
    Outcome ask(UUID id, ProcessIdentity taker) throws TransportException, MigrationException {
        try (ControlChannel query = new ControlChannel(connect(Role.QUERY, id, 0))) {
            query.send(MessageType.ASK, 0, taker.encode());
            return Outcome.of(query.expect(MessageType.OUTCOME).argument());
        }
    }

    @Override
    public void close() {
        streams.forEach(Connection::close);
        control.close();
    }
}
