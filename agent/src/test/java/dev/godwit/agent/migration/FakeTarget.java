package dev.godwit.agent.migration;

import dev.godwit.agent.transport.Connection;
import dev.godwit.agent.transport.Handshake;
import dev.godwit.agent.transport.Handshake.Greeting;
import dev.godwit.agent.transport.Handshake.Role;
import dev.godwit.agent.transport.Listener;
import dev.godwit.agent.transport.ProcessIdentity;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** A target that speaks the protocol by hand, up to where it dies; and that answers questions as it is told. */
final class FakeTarget implements AutoCloseable {
    /** Where it dies, or what it does wrong. */
    enum Death {
        WHEN_CONNECTED,
        AFTER_HANDSHAKE,
        AFTER_OFFER,
        AFTER_ACCEPT,
        WITHIN_FIRST_ROUND,
        AFTER_FIRST_ROUND,
        AFTER_STATE,
        WRONG_READY,
        WRONG_HASHES,
        UNKNOWN_TYPE,
        WRONG_ROUND,
        AFTER_READY,
        AFTER_COMMIT
    }

    private final Listener listener;
    private final Death death;
    private final boolean staysReachable;
    private final GuestMemory memory = GuestMemory.allocate(16 << 20, LargePages.NONE);
    private final Set<Connection> open = ConcurrentHashMap.newKeySet();
    private final ExecutorService threads = Executors.newCachedThreadPool(
            Thread.ofPlatform().daemon().name("fake-target-", 0).factory());
    private final Deque<Outcome> answers = new ArrayDeque<>();
    private final CountDownLatch asked = new CountDownLatch(1);
    private final CountDownLatch accepted = new CountDownLatch(1);
    private volatile TargetStreams streams;

    /**
     * A target.
     *
     * @param answers to the questions that come after its death, one by one, the last again and again; with none it is
     *     not reachable any more
     */
    FakeTarget(Death death, List<Outcome> answers) throws TransportException {
        this.death = death;
        this.answers.addAll(answers);
        this.staysReachable = !answers.isEmpty();
        this.listener = Listener.open(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
        threads.execute(this::acceptAll);
    }

    InetSocketAddress address() {
        return listener.address();
    }

    /** Opens when somebody has asked how a session ended. */
    CountDownLatch asked() {
        return asked;
    }

    private void acceptAll() {
        try {
            for (Connection next = listener.accept(); next != null; next = listener.accept()) {
                Connection connection = next;
                open.add(connection);
                threads.execute(() -> serve(connection));
            }
        } catch (TransportException e) {
            throw new IllegalStateException(e);
        }
    }

    private void serve(Connection connection) {
        try {
            if (death == Death.WHEN_CONNECTED) {
                return;
            }
            Greeting greeting = Handshake.accept(connection, LoopbackHost.SECRET, EnumSet.allOf(Role.class));
            switch (greeting.role()) {
                case CONTROL -> {
                    control(new ControlChannel(connection));
                    die();
                }
                case DATA -> {
                    accepted.await();
                    if (death == Death.WITHIN_FIRST_ROUND) {
                        connection.receive(memory.segment().asSlice(0, 1 << 20));
                        die();
                    } else {
                        streams.receive(greeting.stream(), connection);
                    }
                }
                case PAGES, MEMORY ->
                    throw new TransportException(
                            TransportException.Kind.MALFORMED, "nothing follows a guest to this target");
                case QUERY -> {
                    ControlChannel query = new ControlChannel(connection);
                    ProcessIdentity taker =
                            ProcessIdentity.decode(query.expect(MessageType.ASK).payload());
                    query.send(MessageType.OUTCOME, (taker.equals(ended()) ? answer() : Outcome.UNKNOWN).wire());
                }
            }
        } catch (TransportException | MigrationException e) {
            // The other side has had enough, which is what it should.
            die();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            open.remove(connection);
            connection.close();
        }
    }

    private void control(ControlChannel control) throws TransportException, MigrationException, InterruptedException {
        if (death == Death.AFTER_HANDSHAKE) {
            return;
        }
        Offer offer = Offer.decode(control.expect(MessageType.OFFER).payload());
        if (death == Death.AFTER_OFFER) {
            return;
        }
        streams = new TargetStreams(control, memory, offer.streams(), () -> {});
        accepted.countDown();
        control.send(MessageType.ACCEPT, 0, ended().encode());
        if (death == Death.AFTER_ACCEPT) {
            return;
        }
        if (death == Death.UNKNOWN_TYPE) {
            control.send(MessageType.COMMIT, 0);
        }
        if (death == Death.WRONG_ROUND) {
            control.send(MessageType.ROUND_DONE, 77);
        }
        if (death == Death.AFTER_FIRST_ROUND) {
            streams.awaitRound(1);
            return;
        }
        long argument = control.expect(MessageType.STATE).argument();
        if (death == Death.AFTER_STATE) {
            return;
        }
        streams.awaitRound(argument >>> 1);
        if (death == Death.WRONG_READY) {
            control.send(MessageType.READY, 0, new byte[] {1, 2, 3});
        }
        int[] hashes = (argument & 1) != 0 ? MemoryHash.of(memory, null) : new int[0];
        if (death == Death.WRONG_HASHES) {
            hashes[3] ^= 1;
        }
        control.send(MessageType.READY, 0, new ReadyMessage(0, 0, hashes).encode());
        if (death == Death.AFTER_READY) {
            return;
        }
        control.expect(MessageType.COMMIT);
    }

    /** A process that has ended: what a target that dies looks like. */
    private static ProcessIdentity ended() {
        ProcessIdentity own = ProcessIdentity.own();
        return new ProcessIdentity(own.boot(), own.namespace(), own.pid(), own.startTicks() - 1);
    }

    private synchronized Outcome answer() {
        asked.countDown();
        return answers.size() > 1 ? answers.removeFirst() : answers.getFirst();
    }

    private void die() {
        if (!staysReachable) {
            listener.stop();
        }
        open.forEach(Connection::abort);
    }

    @Override
    public void close() {
        accepted.countDown();
        listener.stop();
        threads.shutdown();
        open.forEach(Connection::abort);
        threads.close();
        listener.close();
        if (streams != null) {
            streams.close();
        }
        memory.close();
    }
}
