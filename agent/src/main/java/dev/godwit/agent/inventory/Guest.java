package dev.godwit.agent.inventory;

import dev.godwit.agent.config.Failure;
import dev.godwit.agent.memoryhost.RemoteMemory;
import dev.godwit.agent.memoryhost.RemoteStatus;
import dev.godwit.agent.migration.GuestDescription;
import dev.godwit.agent.migration.MigrationPhase;
import dev.godwit.host.device.SerialLog;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.tracking.AccessTracker;
import dev.godwit.host.tracking.AccessTracking;
import dev.godwit.host.vcpu.StopReason;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Function;

/**
 * A guest of this agent.
 *
 * <p>Thread-safe: each command holds the guest's own lock, so a slow one holds up no other guest. The machine of a
 * guest that ended is closed at once; its log and its reason stay.
 */
public final class Guest {
    private static final long PATIENCE_MILLIS = 10_000;

    /** As long as this a pause may take, and no longer: who asks how it is has to wait meanwhile. */
    private static final long PAUSE_NANOS = 2_000_000_000;

    private final GuestDescription description;
    private final Instant createdAt = Instant.now();
    private final long createdNanos;
    private final GuestTracking tracking;
    private Machine machine;
    private MigrationJob job;
    private boolean arriving;
    private boolean incomplete;
    private boolean snapshotting;
    private volatile RemoteMemory remote; // these two are read without the lock, which a slow command may hold
    private volatile boolean closed;
    private volatile List<String> notRestored = List.of();

    private Guest(GuestDescription description, boolean arriving, long createdNanos) {
        this.description = description;
        this.arriving = arriving;
        this.createdNanos = createdNanos;
        this.tracking = new GuestTracking(description.name(), description.tracking());
    }

    static Guest starting(GuestDescription description, long sinceNanos) {
        return new Guest(description, false, sinceNanos);
    }

    static Guest arriving(GuestDescription description) {
        return new Guest(description, true, System.nanoTime());
    }

    public String name() {
        return description.name();
    }

    public GuestDescription description() {
        return description;
    }

    /** RAM that it may still take of the host, or has taken, in bytes. */
    long promisedBytes() {
        RemoteMemory there = remote;
        return closed ? 0 : there == null ? HostMemory.ordinaryBytes(description) : there.hostBytes();
    }

    /** The parts of its snapshot's state that this host could not give it back; empty for one that has none. */
    public List<String> notRestored() {
        return notRestored;
    }

    void lacks(List<String> parts) {
        notRestored = List.copyOf(parts);
    }

    /** When it came to this agent. */
    public Instant createdAt() {
        return createdAt;
    }

    public synchronized GuestState state() {
        if (arriving) {
            return GuestState.ARRIVING;
        }
        if (machine == null) {
            return GuestState.STARTING;
        }
        if (inDoubt()) {
            return GuestState.IN_DOUBT;
        }
        return switch (machine.state()) {
            case STOPPED -> GuestState.STOPPED;
            case PAUSED -> job == null ? GuestState.PAUSED : GuestState.MIGRATING;
            case RUNNING -> job != null ? GuestState.MIGRATING : isStuck() ? GuestState.WAITING : GuestState.RUNNING;
        };
    }

    /** Why it ended, once it has. */
    public synchronized Optional<StopReason> stopReason() {
        return machine == null ? Optional.empty() : machine.stopReason();
    }

    /** Its migration under way. */
    public synchronized Optional<MigrationJob> migration() {
        return Optional.ofNullable(job);
    }

    /** Microseconds from the request to start it to its first instruction, if it started here and its image marks that. */
    public synchronized OptionalLong startMicros() {
        OptionalLong first = machine == null ? OptionalLong.empty() : machine.firstInstructionNanos();
        return first.isPresent() ? OptionalLong.of((first.getAsLong() - createdNanos) / 1000) : first;
    }

    /**
     * What it wrote to its serial port.
     *
     * @throws Failure conflict, while its machine is being built
     */
    public SerialLog log() {
        return present().serialLog();
    }

    /** What {@link #log} holds and held, in bytes; empty while its machine is being built. */
    public synchronized OptionalLong logBytes() {
        return machine == null
                ? OptionalLong.empty()
                : OptionalLong.of(machine.serialLog().endOffset());
    }

    /**
     * RUNNING → PAUSED; no effect when PAUSED.
     *
     * @throws Failure conflict, when it has ended, or waits for a page of its memory and cannot be paused before
     */
    public synchronized void pause() {
        Machine m = free("be paused");
        long latest = System.nanoTime() + PAUSE_NANOS;
        if (!m.pause(() -> System.nanoTime() > latest)) {
            if (m.state() == Machine.State.RUNNING && System.nanoTime() > latest) {
                throw Failure.conflict("guest " + name()
                        + " waits for a page of its memory that is elsewhere and does not come, and cannot be paused"
                        + " before");
            }
            throw ended();
        }
    }

    /** PAUSED → RUNNING; no effect when RUNNING. */
    public synchronized void resume() {
        if (inDoubt()) {
            throw Failure.conflict("guest " + name() + " is in doubt: " + job.target()
                    + " may run it; make sure that it does not, then resume with --force");
        }
        Machine m = free("be resumed");
        if (m.state() == Machine.State.STOPPED) {
            throw ended();
        }
        m.resume();
    }

    /** As {@link #resume}, also when it is in doubt: the user knows that no other agent runs it. */
    public void resumeByForce() throws InterruptedException {
        MigrationJob doubtful;
        synchronized (this) {
            doubtful = inDoubt() ? job : null;
        }
        if (doubtful == null) {
            resume();
            return;
        }
        doubtful.overruleDoubt();
        if (!doubtful.await(PATIENCE_MILLIS)) {
            throw Failure.failed("guest " + name() + " is still in doubt");
        }
    }

    /**
     * Types to its serial port.
     *
     * @return the bytes taken, less than all when the guest does not read
     */
    public int input(byte[] bytes, int from) {
        Machine m = present();
        if (m.state() == Machine.State.STOPPED) {
            throw ended();
        }
        return m.serial().input(bytes, from, bytes.length - from);
    }

    /**
     * Tracks from now on which pages it accesses, or goes on with other settings.
     *
     * @param stays whether it is to be tracked so wherever it goes, too
     * @throws Failure not capable, when this host offers no way of doing it
     */
    public synchronized AccessTracker trackAccesses(AccessTracking settings, boolean stays) {
        Machine m = whole("be tracked");
        if (m.state() == Machine.State.STOPPED) {
            throw ended();
        }
        return tracking.begin(m, settings, stays);
    }

    /**
     * Ends tracking, also what is to begin when all of its memory is here.
     *
     * @param temporary only if it was for a while
     */
    public synchronized void untrackAccesses(boolean temporary) {
        if (temporary) {
            tracking.endTemporary(present());
        } else {
            // A migration under way has told its target.
            tracking.end(tracking.settings().isPresent() ? free("be untracked") : present());
        }
    }

    /** As another host has to know it: with what has been changed since it came here. */
    public synchronized GuestDescription outgoing() {
        return description.tracked(tracking.settings());
    }

    /** Its access tracker, if it has ever been tracked here. */
    public Optional<AccessTracker> accessTracker() {
        return present().accessTracker();
    }

    synchronized void attach(Machine built) {
        machine = built;
    }

    /** Its machine is the one that it was attached to. */
    synchronized void attach(RemoteMemory memory) {
        remote = memory;
    }

    /** Its memory, if some of it is at a memory host. */
    public synchronized Optional<RemoteMemory> remote() {
        return Optional.ofNullable(remote);
    }

    /** How it stands with that; empty for one that has none, or has ended. */
    public Optional<RemoteStatus> remoteStatus() {
        return closed ? Optional.empty() : remote().map(RemoteMemory::status);
    }

    /**
     * It runs here.
     *
     * @param whole whether all of its memory is here
     */
    synchronized void arrived(boolean whole) {
        arriving = false;
        incomplete = !whole;
    }

    /** All of its memory is here, if it has not ended: it is tracked as it was where it came from. */
    synchronized void completed() {
        incomplete &= isStopped();
        tracking.ready();
        if (job == null && !snapshotting) {
            tracking.lookOn(machine);
        }
    }

    /** Whether some of its memory is still where it came from, a source or a snapshot; or was when it ended. */
    public synchronized boolean isIncomplete() {
        return incomplete;
    }

    private boolean isStopped() {
        return machine != null && machine.state() == Machine.State.STOPPED;
    }

    /** Bytes of its memory that are not here, and come when it touches them or sooner; 0 of one that has ended. */
    public synchronized long elsewhereBytes() {
        return machine == null || isStopped() ? 0 : machine.memory().elsewhereBytes();
    }

    /** Whether it is on its way in or out, or its memory still follows it. */
    synchronized boolean isMoving() {
        GuestState state = state();
        return state == GuestState.ARRIVING
                || state == GuestState.MIGRATING
                || (remote == null && elsewhereBytes() > 0);
    }

    /** Leaves the guest to a migration until {@link #endMigration}. */
    synchronized MigrationJob beginMigration(Function<Machine, MigrationJob> start) {
        Machine m = whole("be migrated");
        if (m.state() == Machine.State.STOPPED) {
            throw ended();
        }
        try {
            // What is known stays, for the migration to ask; looking on would cost when time is dear.
            m.accessTracker().ifPresent(tracker -> tracking.lookAway(m, tracker));
            job = start.apply(m);
        } finally {
            if (job == null) {
                tracking.lookOn(machine);
            }
        }
        return job;
    }

    void endMigration() {
        try {
            synchronized (this) {
                job = null;
                tracking.lookOn(machine);
            }
        } finally {
            closeIfStopped();
        }
    }

    /** Leaves the guest to a snapshot until {@link #endSnapshot}. */
    synchronized Machine beginSnapshot() {
        Machine m = whole("be snapshotted");
        if (remote != null) {
            throw Failure.conflict("guest " + name() + " has pages at memory host "
                    + remote.config().at() + " and cannot be snapshotted");
        }
        if (m.state() == Machine.State.STOPPED) {
            throw ended();
        }
        try {
            // What is moved away for a look would be zeros in the snapshot.
            m.accessTracker().filter(AccessTracker::movesMemory).ifPresent(tracker -> tracking.lookAway(m, tracker));
            snapshotting = true;
        } finally {
            if (!snapshotting) {
                tracking.lookOn(machine);
            }
        }
        return m;
    }

    void endSnapshot() {
        try {
            synchronized (this) {
                snapshotting = false;
                notifyAll();
                tracking.lookOn(machine);
            }
        } finally {
            closeIfStopped();
        }
    }

    /** Gives the memory of a machine that has stopped back, unless a migration or a snapshot still looks at it. */
    void closeIfStopped() {
        synchronized (this) {
            if (job != null || snapshotting || machine.state() != Machine.State.STOPPED) {
                return;
            }
        }
        close();
    }

    /** Ends it; its log stays. No effect when it has ended. */
    public void stop() {
        synchronized (this) {
            Machine m = inDoubt() ? machine : free("be stopped");
            m.stop(new StopReason(StopReason.Kind.STOPPED, 0, ""));
            if (job != null) {
                job.overruleDoubt(); // which resumes it, without effect by now
            }
        }
        closeIfStopped();
    }

    /** Ends it and gives its memory back, unless a snapshot of it takes too long. */
    void shutDown() throws InterruptedException {
        synchronized (this) {
            long deadline = System.nanoTime() + PATIENCE_MILLIS * 1_000_000;
            while (snapshotting && System.nanoTime() < deadline) {
                wait(PATIENCE_MILLIS);
            }
            if (snapshotting) {
                return;
            }
        }
        close();
    }

    /** Not under the lock: giving much memory back takes its time, and others ask for the state meanwhile. */
    void close() {
        Machine m;
        RemoteMemory elsewhere;
        synchronized (this) {
            if (machine == null || closed) {
                return;
            }
            closed = true;
            m = machine;
            elsewhere = remote;
        }
        try {
            if (elsewhere != null) {
                m.stop(new StopReason(StopReason.Kind.STOPPED, 0, ""));
                elsewhere.close();
            }
        } finally {
            m.close();
        }
    }

    private boolean isStuck() {
        return remote != null && !closed && remote.isStuck();
    }

    private boolean inDoubt() {
        return job != null && job.progress().phase() == MigrationPhase.IN_DOUBT;
    }

    private synchronized Machine present() {
        if (machine == null) {
            throw Failure.conflict("guest " + name() + " is just being started; try again");
        }
        return machine;
    }

    private Machine whole(String verb) {
        if (incomplete && !isStopped()) {
            throw Failure.conflict(
                    "some memory of guest " + name() + " is still where it came from, and it cannot " + verb + " yet");
        }
        return free(verb);
    }

    /** The machine, if no migration or snapshot has it. */
    private Machine free(String verb) {
        Machine m = present();
        if (arriving) {
            throw Failure.conflict("guest " + name() + " is arriving from another agent and cannot " + verb);
        }
        if (snapshotting) {
            throw Failure.conflict("guest " + name() + " is being snapshotted and cannot " + verb);
        }
        if (job != null && job.progress().phase() == MigrationPhase.POSTCOPY) {
            throw Failure.conflict("guest " + name() + " runs at " + job.target()
                    + "; what is here is the memory that has still to follow it, and cannot " + verb
                    + "; if " + job.target() + " is gone for good: godwit cancel " + name() + " --force");
        }
        if (job != null) {
            throw Failure.conflict("guest " + name() + " is migrating to " + job.target() + " and cannot " + verb
                    + "; first: godwit cancel " + name());
        }
        return m;
    }

    private Failure ended() {
        return Failure.conflict("guest " + name() + " has ended ("
                + machine.stopReason().map(StopReason::toString).orElse("stopped") + ")");
    }
}
