package dev.godwit.agent.migration;

import dev.godwit.agent.migration.ControlChannel.Message;
import dev.godwit.agent.migration.ControlChannel.Type;
import dev.godwit.agent.transport.Connection;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.agent.transport.TransportException.Kind;
import dev.godwit.host.device.DeviceStateException;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.memory.Backing;
import dev.godwit.host.state.CpuIdCheck;
import dev.godwit.host.state.ElapsedTime;
import dev.godwit.host.state.MachineState;
import dev.godwit.host.state.StateFormatException;
import java.lang.foreign.Arena;
import java.time.Duration;
import java.util.List;

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
 * <p>Threading: {@link #run} on the control connection's thread; {@link #receive} on each stream's; the rest from any.
 */
final class TargetSession {
    /** Before the offer says how long silence may last. */
    private static final Duration FIRST_STALL = Duration.ofSeconds(10);

    private final ControlChannel control;
    private final TargetHost host;

    /** Held while the session is being taken apart; taken before this object's own lock. */
    private final Object ending = new Object();

    private TargetHost.Admission admission;
    private TargetStreams streams;
    private Outcome outcome = Outcome.UNKNOWN;

    TargetSession(Connection connection, TargetHost host) {
        this.control = new ControlChannel(connection);
        this.host = host;
    }

    /** Serves the session to its end. */
    void run() {
        try {
            receiveGuest();
        } catch (TargetHost.RefusedException e) {
            abandon(Type.REFUSE, e.getMessage());
        } catch (TransportException e) {
            abandon(Type.ABORT, streams == null ? e.getMessage() : streams.reason(e.getMessage()));
        } catch (MigrationException e) {
            abandon(Type.ABORT, e.getMessage());
        } catch (StateFormatException | DeviceStateException e) {
            abandon(Type.ABORT, "the guest's state does not fit: " + e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            abandon(Type.ABORT, "the target was interrupted");
        } catch (RuntimeException | OutOfMemoryError e) {
            abandon(Type.ABORT, "the target failed: " + e);
        } finally {
            close();
        }
    }

    private void receiveGuest()
            throws TransportException, MigrationException, TargetHost.RefusedException, InterruptedException {
        control.connection().setStall(FIRST_STALL);
        Offer offer = Offer.decode(control.expect(Type.OFFER).payload());
        Duration stall = Duration.ofMillis(offer.stallMillis());
        control.connection().setStall(stall);
        accept(offer);
        try (Pinger _ = new Pinger(control, stall)) {
            serve();
        }
    }

    private void close() {
        synchronized (ending) {
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

    private void accept(Offer offer) throws TransportException, TargetHost.RefusedException {
        TargetHost.Admission admitted = host.admit(offer.guest());
        synchronized (this) {
            if (outcome == Outcome.UNKNOWN) {
                admission = admitted;
                streams = new TargetStreams(control, admitted.machine().memory(), offer.streams());
            }
        }
        if (admission == null) {
            admitted.abandon("the source has taken the guest back");
            throw new TransportException(Kind.CLOSED, "the source has taken the guest back");
        }
        List<String> missing =
                CpuIdCheck.missing(offer.cpu(), admitted.machine().guestCpu());
        if (!missing.isEmpty()) {
            throw new TargetHost.RefusedException(
                    "this host's CPU lacks what the guest was given: " + String.join(", ", missing));
        }
        control.send(Type.ACCEPT, SwitchoverCost.restoreMicros());
    }

    private void serve() throws TransportException, MigrationException, InterruptedException {
        Message state = control.expect(Type.STATE);
        Machine machine = admission.machine();
        streams.awaitRound(state.argument() >>> 1);
        // Before the state: restoring it may make KVM write a guest's clock pages.
        long started = System.nanoTime();
        int[] hashes = (state.argument() & 1) != 0 ? MemoryHash.of(machine.memory()) : new int[0];
        long hashed = System.nanoTime();
        List<String> notRestored = machine.restore(MachineState.decode(state.payload()), ElapsedTime.ADVANCE);
        long restoreNanos = System.nanoTime() - hashed;
        SwitchoverCost.restored(restoreNanos);
        control.send(Type.READY, 0, new ReadyMessage(restoreNanos / 1000, (hashed - started) / 1000, hashes).encode());
        resume(machine, control.expect(Type.COMMIT).argument() != 0);
        control.send(Type.SUMMARY, 0, new SummaryMessage(largeBytes(machine), notRestored).encode());
    }

    private void resume(Machine machine, boolean running) throws TransportException {
        long started = System.nanoTime();
        synchronized (this) {
            if (outcome != Outcome.UNKNOWN) {
                throw new TransportException(Kind.CLOSED, "the source has taken the guest back");
            }
            admission.adopt();
            if (running) {
                machine.resume();
            }
            outcome = Outcome.RUNNING;
        }
        control.send(Type.RUNNING, (System.nanoTime() - started) / 1000);
    }

    private static long largeBytes(Machine machine) {
        try (Arena arena = Arena.ofConfined()) {
            return Backing.scan(arena, machine.memory()).largeBytes();
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
            current = streams;
        }
        if (current == null) {
            throw new TransportException(Kind.MALFORMED, "a data stream before its migration was accepted");
        }
        current.receive(stream, connection);
    }

    /** How it ends: decides it, if nobody has, to the source's favour. */
    Outcome settle() {
        synchronized (this) {
            if (outcome == Outcome.RUNNING) {
                return Outcome.RUNNING;
            }
        }
        shutDown("the source has taken the guest back");
        return Outcome.NOT_RUNNING;
    }

    private void abandon(Type word, String reason) {
        synchronized (ending) {
            TargetHost.Admission given;
            synchronized (this) {
                if (outcome != Outcome.UNKNOWN) {
                    return;
                }
                outcome = Outcome.NOT_RUNNING;
                given = admission;
            }
            try {
                control.sendText(word, reason);
            } catch (TransportException gone) {
                // The source will ask, or has gone for good.
                control.connection().abort();
            }
            if (given != null) {
                streams.abort(reason);
                streams.awaitStopped();
                given.abandon(reason);
            }
        }
    }

    /** Whether its outcome is decided. */
    synchronized boolean isOver() {
        return outcome != Outcome.UNKNOWN;
    }

    /** Breaks it off, unless the guest runs here already. */
    void shutDown(String reason) {
        abandon(Type.ABORT, reason);
        control.connection().abort();
    }
}
