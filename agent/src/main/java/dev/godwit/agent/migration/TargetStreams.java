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
     * The first of a round is taken urgently: of the last it is all, most often, and the guest stands still for it. Other
     * guests wait meanwhile, for so long in any {@link #AGAIN_NANOS} and a frame, whatever the source sends.
     */
    private static final long URGENT_NANOS = 3_000_000;

    private static final long AGAIN_NANOS = 10_000_000;

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

    /** By {@link System#nanoTime}: from then on what comes is urgent for a while. */
    private long urgentSince = System.nanoTime() - AGAIN_NANOS;

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

    /** Receives a stream until it ends or breaks. */
    void receive(int stream, Connection connection) throws TransportException {
        PageReceiver receiver = join(stream, connection);
        try {
            while (true) {
                receiver.awaitRound();
                long urgent = begin();
                try (Urgency.Pause _ = Urgency.pauseIf(urgent <= 0)) {
                    takeRound(receiver, urgent);
                    roundEnded(stream, receiver.ended());
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

    /** What comes first, and after that the rest by turns with other guests. */
    private void takeRound(PageReceiver receiver, long urgent) throws TransportException {
        try {
            if (!receiver.receiveFor(urgent)) {
                try (Urgency.Pause _ = Urgency.pause()) {
                    receiver.receiveFor(Long.MAX_VALUE);
                }
            }
        } finally {
            end();
        }
    }

    /**
     * Asks whether a round may be written to memory, whose head has come.
     *
     * @return for how long it is urgent, in nanoseconds; not at all if 0 or less
     */
    private synchronized long begin() throws TransportException {
        if (failure != null || finished) {
            throw new TransportException(Kind.CLOSED, "a round of a migration that has ended");
        }
        taking++;
        long now = System.nanoTime();
        if (now - urgentSince >= AGAIN_NANOS) {
            urgentSince = now;
        }
        return urgentSince + URGENT_NANOS - now;
    }

    private synchronized void end() {
        taking--;
        notifyAll();
    }

    private synchronized PageReceiver join(int stream, Connection connection) throws TransportException {
        boolean over = failure != null || finished;
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
        // They leave when they have had a turn, which is not waited for.
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
