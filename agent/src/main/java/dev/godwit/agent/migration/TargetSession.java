package dev.godwit.agent.migration;

import dev.godwit.agent.config.Sizes;
import dev.godwit.agent.memoryhost.RemoteMap;
import dev.godwit.agent.memoryhost.RemoteMemory;
import dev.godwit.agent.migration.ControlChannel.Message;
import dev.godwit.agent.transport.Connection;
import dev.godwit.agent.transport.ProcessIdentity;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.agent.transport.TransportException.Kind;
import dev.godwit.host.device.DeviceStateException;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import dev.godwit.host.state.ElapsedTime;
import dev.godwit.host.state.MachineState;
import dev.godwit.host.state.StateFormatException;
import dev.godwit.host.thread.Uninterruptibly;
import dev.godwit.host.thread.Urgency;
import java.lang.foreign.Arena;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The target's side of one migration; {@code docs/migration-protocol.md} draws it.
 *
 * <pre>
 *   OFFERED ─▶ RECEIVING ─▶ READY ─▶ RUNNING
 *      │           │          │
 *      └───────────┴──────────┴────▶ ABANDONED
 * </pre>
 *
 * <p>RUNNING and ABANDONED exclude each other and are final: whichever comes first under the lock. A source that lost
 * the connection asks {@link #settle}, which abandons a session that has not been told to run.
 *
 * <p>Threading: {@link #run} on the control connection's thread, which is urgent: it takes many short steps, before each
 * of which it would wait its turn behind guests, and its source with it. {@link #receive} on each stream's; the rest from
 * any.
 */
final class TargetSession {
    private static final Logger LOG = LoggerFactory.getLogger(TargetSession.class);
    private static final String TAKEN_BACK = "the source has taken the guest back";

    private static final String GOING = "its agent has ended before all of its memory was there";

    private static final String GONE = "the source cannot be reached any more";

    /** Until the offer says how long silence may last. */
    private static final Duration FIRST_STALL = Duration.ofSeconds(10);

    private final ControlChannel control;
    private final TargetHost host;

    /** Held while the session is being taken apart; taken before this object's own lock. */
    private final Object ending = new Object();

    private volatile Duration stall = FIRST_STALL;

    private TargetHost.Admission admission;
    private TargetStreams streams;
    /** The source's data streams may send. */
    private boolean accepted;

    /** For a guest that may run before all of its memory is here, else null. */
    private SourcePages pages;

    /** Of a guest with a memory host, else null. */
    private RemoteMemory remote;

    /** For a guest that may lack pages when it is restored, else null. */
    private volatile PatientRestore restore;

    private Outcome outcome = Outcome.UNKNOWN;
    private Follower following;
    private boolean closing;
    private List<String> notRestored = List.of();

    TargetSession(Connection connection, TargetHost host) {
        this.control = new ControlChannel(connection);
        this.host = host;
    }

    /** Serves the session to its end. */
    void run() {
        try {
            receiveGuest();
        } catch (TargetHost.RefusedException e) {
            abandon(MessageType.REFUSE, e.getMessage());
        } catch (TransportException e) {
            abandon(MessageType.ABORT, streams == null ? e.getMessage() : streams.reason(e.getMessage()));
        } catch (MigrationException e) {
            abandon(MessageType.ABORT, e.getMessage());
        } catch (StateFormatException | DeviceStateException e) {
            abandon(MessageType.ABORT, "the guest's state does not fit: " + e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            abandon(MessageType.ABORT, "the target was interrupted");
        } catch (RuntimeException | Error e) {
            abandon(MessageType.ABORT, "the target failed: " + e);
        } finally {
            close();
        }
    }

    private void receiveGuest()
            throws TransportException, MigrationException, TargetHost.RefusedException, InterruptedException {
        control.connection().setStall(stall);
        Offer offer = Offer.decode(control.expect(MessageType.OFFER).payload());
        stall = Duration.ofMillis(offer.stallMillis());
        control.connection().setStall(stall);
        TargetStreams taken;
        // On a busy host a machine takes long to build: the source hears that somebody is at it.
        try (Pinger _ = new Pinger(control, stall, () -> 0, () -> {})) {
            taken = accept(offer);
        }
        // The control thread may be waiting for streams: then only the PINGs tell that the source is lost.
        try (Pinger _ = new Pinger(control, stall, taken::received, () -> lost(taken))) {
            serve(offer.sourceProcess());
        }
    }

    /** A control thread that waits for a page that nobody brings cannot see to it; all others do. */
    private void lost(TargetStreams taken) {
        taken.abort(GONE);
        PatientRestore patient = restore;
        if (patient != null && patient.isUnderWay()) {
            takeBack(GONE);
        }
    }

    private void close() {
        // Unmapping takes long, and nobody waits for it.
        try (Urgency.Pause _ = Urgency.pause()) {
            closeAll();
        }
    }

    private void closeAll() {
        synchronized (ending) {
            if (pages != null) {
                pages.close();
            }
            if (streams != null) {
                streams.close();
            }
            control.close();
            synchronized (this) {
                // The outcome is remembered for long; the guest's machine is not this session's any more.
                admission = null;
            }
        }
    }

    private TargetStreams accept(Offer offer) throws TransportException, TargetHost.RefusedException {
        TargetHost.Admission admitted;
        try (Urgency.Pause _ = Urgency.pauseOver(offer.guest().config().memoryBytes())) {
            admitted = host.admit(offer.guest());
        }
        Optional<String> whole = offer.mayPostcopy() ? host.pagingProblem() : Optional.empty();
        TargetStreams made = null;
        synchronized (this) {
            if (outcome == Outcome.UNKNOWN) {
                // Known before anything else can fail: whoever abandons the session gives it back.
                admission = admitted;
                remote = admitted.remote().orElse(null);
                made = new TargetStreams(
                        control, admitted.machine().memory(), offer.streams(), this::requireRoomForWhatCame);
                streams = made;
                pages = offer.mayPostcopy() && whole.isEmpty() ? new SourcePages() : null;
            }
        }
        if (made == null) {
            giveBack(admitted, TAKEN_BACK);
            throw new TransportException(Kind.CLOSED, TAKEN_BACK);
        }
        String tooMuch = lackOfRoom(offer.residentPages());
        if (tooMuch != null) {
            throw new TargetHost.RefusedException(tooMuch);
        }
        try (Urgency.Pause _ = Urgency.pauseOver(admitted.machine().memory().size())) {
            prepare(() -> admitted.back(offer.large()));
        }
        offer.requireRunnableOn(admitted.machine().guestCpu());
        synchronized (this) {
            // Not sooner: nobody writes to the guest's memory while it is being backed.
            accepted = true;
            notifyAll();
        }
        control.send(
                MessageType.ACCEPT,
                SwitchoverCost.restoreMicros(),
                new AcceptMessage(ProcessIdentity.own(), whole.orElse("")).encode());
        return made;
    }

    private void serve(ProcessIdentity source) throws TransportException, MigrationException, InterruptedException {
        Machine machine = admission.machine();
        // Made before it is known whether there is use for it: then the guest stands still.
        try (Follower follower =
                pages == null ? null : new Follower(machine, pages, streams.written(), Optional.ofNullable(remote))) {
            serve(machine, follower, source);
        }
    }

    private void serve(Machine machine, Follower follower, ProcessIdentity source)
            throws TransportException, MigrationException, InterruptedException {
        try (Arena arena = Arena.ofShared();
                PatientRestore patient = patient(machine, follower)) {
            restore = patient;
            if (remote != null) {
                expectRemote(arena, machine);
            }
            boolean follows = takeOver(arena, machine, follower);
            if (!follows) {
                if (remote != null) {
                    remote.go();
                }
                admission.completed();
                tellSummary(machine, null);
            } else if (followed(follower, source)) {
                admission.completed();
                tellSummary(machine, follower.faultTimes());
            }
        }
    }

    /** How the guest is restored if it may lack pages then, else null. */
    private PatientRestore patient(Machine machine, Follower follower) {
        if (remote != null) {
            return new PatientRestore(machine, remote.pager(), remote.config().at(), stall);
        }
        return follower == null ? null : new PatientRestore(machine, follower.pager(), "", stall);
    }

    /** At the end of each round: of most guests nobody need count what has come. */
    private void requireRoomForWhatCame() throws TransportException {
        if (remote != null) {
            PageSet written = streams.written();
            try (Urgency.Pause _ = Urgency.pauseOver(written.pages() << PageSize.SMALL_SHIFT)) {
                requireRoom(written.cardinality());
            }
        }
    }

    private void requireRoom(long pages) throws TransportException {
        String tooMuch = lackOfRoom(pages);
        if (tooMuch != null) {
            throw new TransportException(Kind.NOT_SERVED, tooMuch);
        }
    }

    /** Why so many pages cannot come of a guest with a memory host, which may have more than it was given; null if they can. */
    private String lackOfRoom(long pages) {
        return remote == null || remote.hasRoomFor(pages)
                ? null
                : "this host has no room for the " + Sizes.human(pages << PageSize.SMALL_SHIFT)
                        + " that the guest has on its own by now; it was given "
                        + Sizes.human(remote.config().localBytes()) + " there";
    }

    /** Learns which pages of the guest are at its memory host. */
    private void expectRemote(Arena arena, Machine machine) throws TransportException, MigrationException {
        try (Urgency.Pause _ = Urgency.pauseOver(machine.memory().size())) {
            RemoteMap named = RemoteMapMessage.decode(
                    arena,
                    control.expect(MessageType.REMOTE_MAP).payload(),
                    machine.memory().pages());
            prepare(() -> remote.expect(named));
        }
    }

    /** Takes the guest from its source and runs it; whether some of its memory still has to follow. */
    private boolean takeOver(Arena arena, Machine machine, Follower follower)
            throws TransportException, MigrationException, InterruptedException {
        Message next = control.expect(MessageType.PAGE_MAP, MessageType.STATE);
        if (next.type() == MessageType.STATE) {
            if (remote != null) {
                throw new TransportException(Kind.MALFORMED, "no page map of a guest with pages at a memory host");
            }
            comeWhole(machine, next, null);
            return false;
        }
        boolean follows = next.argument() == PageMapMessage.FOLLOW;
        if (follows ? follower == null : remote == null) {
            throw new TransportException(Kind.MALFORMED, "a page map for a guest that was to come whole");
        }
        PageMapMessage map = PageMapMessage.decode(
                arena, next.payload(), machine.memory(), remote == null ? null : remote.expected());
        if (remote != null) {
            requireRoom(map.resident());
            long here = Math.max(0, map.resident() - map.pages().cardinality());
            prepare(() -> remote.expectOnly(map.remote(), map.epoch(), here));
        }
        Message state = control.expect(MessageType.STATE);
        if (follows) {
            takeRounds(state);
            prepare(() -> follower.begin(map));
            // Not under the lock: as long as this takes nobody could end the session.
            follower.ask(map);
            takeState(machine, state, new Arrived(new int[0], 0, false, map.remote()));
        } else if (map.pages().isEmpty()) {
            comeWhole(machine, state, map.remote());
        } else {
            throw new TransportException(Kind.MALFORMED, "a page map with pages that nobody brings");
        }
        return follows;
    }

    /**
     * All of the guest that its source had is here.
     *
     * @param there its pages at a memory host, or null
     */
    private void comeWhole(Machine machine, Message state, PageSet there)
            throws TransportException, MigrationException, InterruptedException {
        takeRounds(state);
        // Before the state: restoring it may make KVM write a guest's clock pages.
        long started = System.nanoTime();
        int[] hashes = (state.argument() & 1) != 0 ? MemoryHash.of(machine.memory(), there) : new int[0];
        long hashNanos = System.nanoTime() - started;
        if (there != null) {
            prepare(remote::prepare);
        }
        takeState(machine, state, new Arrived(hashes, hashNanos, true, there));
    }

    /** Whoever abandons the session unmaps the guest's memory: not while it is taken aside. */
    private synchronized void prepare(Runnable preparation) throws TransportException {
        if (outcome != Outcome.UNKNOWN) {
            throw new TransportException(Kind.CLOSED, TAKEN_BACK);
        }
        preparation.run();
    }

    /** From here on nothing but this thread writes to the guest's memory, whatever the source still sends. */
    private void takeRounds(Message state) throws TransportException, InterruptedException {
        streams.awaitRound(state.argument() >>> 1);
        streams.finish();
    }

    /** Whether all of the guest's memory has come, or it ended for a reason of its own. */
    private boolean followed(Follower follower, ProcessIdentity source)
            throws TransportException, InterruptedException {
        synchronized (this) {
            following = follower;
            if (closing) {
                follower.giveUp(GOING);
            }
        }
        boolean followed = false;
        try (Urgency.Pause _ = Urgency.pause()) {
            followed = follower.awaitAll(source, stall);
        } finally {
            synchronized (this) {
                following = null;
                outcome = followed ? Outcome.RUNNING : Outcome.LOST;
            }
        }
        return followed;
    }

    /**
     * What of the guest's memory is here when its state is.
     *
     * @param hashes of it, if asked for
     * @param whole whether its source has none that is still to come
     * @param there its pages at a memory host, or null
     */
    private record Arrived(int[] hashes, long hashNanos, boolean whole, PageSet there) {}

    private void takeState(Machine machine, Message state, Arrived memory)
            throws TransportException, MigrationException, InterruptedException {
        long started = System.nanoTime();
        MachineState decoded = MachineState.decode(state.payload());
        boolean lacking = !memory.whole || memory.there != null;
        notRestored = lacking ? restore.restore(decoded) : machine.restore(decoded, ElapsedTime.ADVANCE);
        long restoreNanos = System.nanoTime() - started;
        SwitchoverCost.restored(restoreNanos);
        control.send(
                MessageType.READY,
                0,
                new ReadyMessage(restoreNanos / 1000, memory.hashNanos / 1000, memory.hashes).encode());
        resume(machine, control.expect(MessageType.COMMIT).argument() != 0, memory);
    }

    private void tellSummary(Machine machine, FaultSummary faults) throws TransportException {
        long large;
        try (Urgency.Pause _ = Urgency.pauseOver(machine.memory().size())) {
            if (machine.state() != Machine.State.STOPPED) {
                streams.populateZeroChunks();
            }
            large = Follower.largeBytes(machine);
        }
        control.send(MessageType.SUMMARY, 0, new SummaryMessage(large, notRestored, faults).encode());
    }

    private void resume(Machine machine, boolean running, Arrived memory) throws TransportException {
        long started = System.nanoTime();
        synchronized (this) {
            if (outcome != Outcome.UNKNOWN) {
                throw new TransportException(Kind.CLOSED, TAKEN_BACK);
            }
            if (memory.there != null) {
                // The pages are this side's from here on.
                admission.remote().orElseThrow().take();
            }
            admission.adopt(memory.whole);
            try {
                if (running) {
                    machine.resume();
                }
            } catch (RuntimeException | Error e) {
                // No part of it may run when the source hears that it does not.
                machine.pause();
                throw e;
            }
            outcome = Outcome.RUNNING;
        }
        try {
            control.send(MessageType.RUNNING, (System.nanoTime() - started) / 1000);
        } catch (TransportException e) {
            // The source will ask. Nothing about that is a reason not to bring the rest of the guest's memory here.
            LOG.info("the source is still to hear that its guest runs here: {}", e.getMessage());
        }
    }

    /**
     * A data stream of this session; returns when it has ended. The caller closes the connection.
     *
     * @throws TransportException when it broke, which ends the session
     */
    void receive(int stream, Connection connection) throws TransportException {
        TargetStreams current;
        synchronized (this) {
            // Sources connect while a machine is being built here.
            Uninterruptibly.await(() -> {
                while (!accepted && outcome == Outcome.UNKNOWN) {
                    wait();
                }
            });
            current = accepted ? streams : null;
        }
        if (current == null) {
            throw new TransportException(Kind.CLOSED, "its migration was not accepted");
        }
        current.receive(stream, connection);
    }

    /** A page connection of this session; returns when it has ended. The caller closes it. */
    void bringPages(int stream, Connection connection) throws TransportException {
        SourcePages current;
        synchronized (this) {
            current = pages;
        }
        if (current == null) {
            throw new TransportException(Kind.MALFORMED, "a page connection for a guest that was to come whole");
        }
        // A source that hangs, or whose network does: who tells it what is missing would never return.
        connection.setSendStall(stall);
        current.serve(stream, connection);
    }

    /** How it ends: decides it, if nobody has, to the source's favour. */
    Outcome settle() {
        takeBack(TAKEN_BACK);
        // Not what this thread believes but what has been decided: the guest may have begun to run just before.
        synchronized (this) {
            return outcome;
        }
    }

    /** Whether the session was abandoned by this call; it cannot be once it is RUNNING. */
    private boolean abandon(MessageType word, String reason) {
        synchronized (ending) {
            TargetHost.Admission given;
            synchronized (this) {
                if (outcome != Outcome.UNKNOWN) {
                    return false;
                }
                outcome = Outcome.NOT_RUNNING;
                given = admission;
                notifyAll();
            }
            control.sendLast(word, reason);
            if (given != null) {
                giveBack(given, reason);
            }
            return true;
        }
    }

    /** All of its memory: that takes long, and the source has heard. */
    private void giveBack(TargetHost.Admission given, String reason) {
        try (Urgency.Pause _ = Urgency.pause()) {
            takeApart(given, reason);
        }
    }

    private void takeApart(TargetHost.Admission given, String reason) {
        if (streams != null) {
            streams.abort(reason);
            streams.awaitStopped();
        }
        if (pages != null) {
            pages.end();
        }
        // Its pages at a memory host are still the source's.
        given.remote().ifPresent(RemoteMemory::handOver);
        try {
            given.abandon(reason);
        } catch (RuntimeException e) {
            LOG.error("guest that did not come was not cleaned up", e);
        }
    }

    /** How it ended; UNKNOWN until it has. */
    synchronized Outcome outcome() {
        return outcome;
    }

    /** Breaks it off, unless the guest runs here already: then the source is still to hear that. */
    void shutDown(String reason) {
        synchronized (this) {
            closing = true;
            if (following != null) {
                // It cannot run on without an agent that brings its memory.
                following.giveUp(GOING);
            }
        }
        takeBack(reason);
    }

    private void takeBack(String reason) {
        if (abandon(MessageType.ABORT, reason)) {
            control.connection().abort();
        }
    }

    /** Gives back a session that has not been run. */
    void discard() {
        control.close();
    }
}
