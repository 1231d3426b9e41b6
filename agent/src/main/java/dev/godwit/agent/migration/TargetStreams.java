package dev.godwit.agent.migration;

import dev.godwit.agent.stream.PageReceiver;
import dev.godwit.agent.transport.Connection;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.agent.transport.TransportException.Kind;
import dev.godwit.host.memory.Backing;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import dev.godwit.host.thread.Uninterruptibly;
import dev.godwit.host.thread.Urgency;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;

/**
 * The target's data streams: each is received on its connection's thread; a round is done when all streams have ended
 * their part of it.
 *
 * <p>Threading: any.
 */
final class TargetStreams implements AutoCloseable {
    /** Whether there is room for what has come. */
    interface Room {
        /**
         * Looks, on a stream's thread.
         *
         * @throws TransportException when there is none
         */
        void require() throws TransportException;
    }

    /**
     * Ends of rounds that had nothing for a stream, which it takes urgently, so many in all: most of a last round's are
     * such, and a guest stands still for them. A source may send them without end, and other guests are not to wait then: a
     * stream that has had so many takes its turn for the last, too.
     */
    private static final int URGENT_ENDS = 100;

    private final ControlChannel control;
    private final GuestMemory memory;
    private final Room room;
    private final Arena arena = Arena.ofShared();
    private final PageSet written;
    private final PageSet zeroChunks;
    private final Connection[] connections;
    private final long[] rounds;
    private int receiving;
    /** Of these the streams within a round, which may write to guest memory. */
    private int taking;

    private long roundDone;
    private boolean finished;
    private String failure;

    TargetStreams(ControlChannel control, GuestMemory memory, int count, Room room) {
        this.control = control;
        this.memory = memory;
        this.room = room;
        this.written = new PageSet(arena, memory.pages());
        this.zeroChunks = Backing.emptyChunks(arena, memory);
        this.connections = new Connection[count];
        this.rounds = new long[count];
    }

    /**
     * Puts large pages behind chunks that are large pages of zeros at the source. Nobody misses them but those who count:
     * so not while the guest waits.
     */
    void populateZeroChunks() {
        try (Urgency.Pause _ = Urgency.pauseIf(!zeroChunks.isEmpty())) {
            long chunks = zeroChunks.pages();
            for (long chunk = zeroChunks.next(0, chunks); chunk < chunks; chunk = zeroChunks.next(chunk + 1, chunks)) {
                memory.populateLarge(chunk * PageSize.SMALL_PER_LARGE);
            }
        }
    }

    /** Pages of guest memory that hold content of the guest's. */
    PageSet written() {
        return written;
    }

    /** Receives a stream until it ends or breaks; on an urgent thread, which it lets pause for content. */
    void receive(int stream, Connection connection) throws TransportException {
        PageReceiver receiver = join(stream, connection);
        try {
            int urgentEnds = URGENT_ENDS;
            while (true) {
                boolean takesTurn = receiver.awaitRound() || urgentEnds == 0;
                if (!takesTurn) {
                    urgentEnds--;
                }
                try (Urgency.Pause _ = Urgency.pauseIf(takesTurn)) {
                    roundEnded(stream, takeRound(receiver));
                }
            }
        } catch (TransportException e) {
            failed(e);
        } catch (RuntimeException | Error e) {
            failed(new TransportException(Kind.BROKEN, "stream " + stream + ": " + e));
        } finally {
            leave();
        }
    }

    /** A round whose first head has come. */
    private int takeRound(PageReceiver receiver) throws TransportException {
        begin();
        try {
            return receiver.receiveRound();
        } finally {
            end();
        }
    }

    /** From here on a stream may write to guest memory. */
    private synchronized void begin() throws TransportException {
        if (isOver()) {
            throw new TransportException(Kind.CLOSED, "a round of a migration that has ended");
        }
        taking++;
    }

    private boolean isOver() {
        return failure != null || finished;
    }

    private synchronized void end() {
        taking--;
        notifyAll();
    }

    private synchronized PageReceiver join(int stream, Connection connection) throws TransportException {
        boolean over = isOver();
        if (over || stream < 0 || stream >= connections.length || connections[stream] != null) {
            throw new TransportException(
                    Kind.MALFORMED,
                    connection.peer() + " opened stream " + stream
                            + (over ? " of a migration that has ended" : " twice or beyond its offer"));
        }
        PageReceiver receiver = new PageReceiver(arena, connection, memory, written, zeroChunks);
        connections[stream] = connection;
        receiving++;
        return receiver;
    }

    private synchronized void leave() {
        receiving--;
        notifyAll();
    }

    private void roundEnded(int stream, long round) throws TransportException {
        synchronized (this) {
            rounds[stream] = round;
            for (long other : rounds) {
                if (other < round) {
                    return;
                }
            }
        }
        room.require();
        // Said before the control thread may go on and say what comes next.
        control.send(MessageType.ROUND_DONE, round);
        synchronized (this) {
            roundDone = round;
            notifyAll();
        }
    }

    private void failed(TransportException e) {
        synchronized (this) {
            if (finished) {
                return;
            }
        }
        abort(e.getMessage());
        // Wakes the control thread too: it ends the session and tells the source why.
        control.connection().stopReceiving();
    }

    /** Bytes that have arrived on all streams so far. */
    synchronized long received() {
        long bytes = 0;
        for (Connection connection : connections) {
            bytes += connection == null ? 0 : connection.received();
        }
        return bytes;
    }

    /** After the last round: nothing more is taken; at the return no stream can write to guest memory. */
    void finish() {
        synchronized (this) {
            finished = true;
        }
        breakConnections();
        // Not until they have left, which takes each a turn: none is within a round then, and begins none.
        await(() -> taking == 0);
    }

    /** Waits until all streams have ended a round. */
    synchronized void awaitRound(long round) throws TransportException, InterruptedException {
        while (roundDone < round && failure == null) {
            wait();
        }
        if (roundDone < round) {
            throw new TransportException(Kind.BROKEN, failure);
        }
    }

    /** Why the streams broke, or {@code otherwise}. */
    synchronized String reason(String otherwise) {
        return failure == null ? otherwise : failure;
    }

    /** Breaks all streams. */
    void abort(String reason) {
        synchronized (this) {
            if (failure == null) {
                failure = reason;
            }
            notifyAll();
        }
        breakConnections();
    }

    private void breakConnections() {
        List<Connection> open = new ArrayList<>();
        synchronized (this) {
            for (Connection connection : connections) {
                if (connection != null) {
                    open.add(connection);
                }
            }
        }
        open.forEach(Connection::abort);
    }

    /** Waits, after {@link #abort}, until no stream can write to guest memory any more. */
    void awaitStopped() {
        await(() -> receiving == 0);
    }

    private synchronized void await(BooleanSupplier over) {
        Uninterruptibly.await(() -> {
            while (!over.getAsBoolean()) {
                wait();
            }
        });
    }

    @Override
    public void close() {
        abort("the migration has ended");
        awaitStopped();
        arena.close();
    }
}
