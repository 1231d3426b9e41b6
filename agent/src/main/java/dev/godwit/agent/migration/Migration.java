package dev.godwit.agent.migration;

import dev.godwit.agent.memoryhost.RemoteMemory;
import dev.godwit.agent.migration.MigrationException.Kind;
import dev.godwit.agent.stream.Bandwidth;
import dev.godwit.agent.stream.RateLimit;
import dev.godwit.agent.transport.Credentials;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.machine.SavedMachine;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.thread.Urgency;
import dev.godwit.host.tracking.AccessTracker;
import dev.godwit.host.vcpu.StopReason;
import java.lang.foreign.Arena;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One migration away from here, phase by phase: made, then {@link #run} once on a thread of the caller's, watched and
 * cancelled from others.
 *
 * <pre>{@code
 * Migration migration = new Migration(machine, guest, target, secret, MigrationOptions.DEFAULT);
 * MigrationReport report = migration.run();   // the machine here has stopped; the guest runs at the target
 * }</pre>
 *
 * <p>Until the target has been told to run the guest, any failure lets it go on here as if nothing had happened. If the
 * connection breaks after that, the target is asked until it answers; the guest stays paused meanwhile, so that it never
 * runs twice. {@code docs/migration-protocol.md} draws both sides.
 */
public final class Migration {
    private static final Logger LOG = LoggerFactory.getLogger(Migration.class);

    private static final StopReason LOST =
            new StopReason(StopReason.Kind.PAGES_LOST, 0, "it ran at its migration target, and was lost with it");
    private static final StopReason MIGRATED = new StopReason(StopReason.Kind.MIGRATED, 0, "");

    private final Machine machine;
    private final GuestDescription guest;
    private final Optional<RemoteMemory> remote;
    private final MigrationOptions options;
    private final SourceLink link;
    private final RateLimit limit;
    private final Figures figures;
    private final Timeline timeline;
    private final GuestStandstill standstill;
    private final AtomicBoolean begun = new AtomicBoolean();
    private final Doubt doubt;

    private PageService pages;
    private boolean running;
    private boolean cancelled;
    private boolean committed;

    /**
     * A migration that has not begun.
     *
     * @param machine the guest's machine, RUNNING or PAUSED; it arrives as it left
     * @param target where an agent takes migrations
     */
    public Migration(
            Machine machine,
            GuestDescription guest,
            InetSocketAddress target,
            Credentials credentials,
            MigrationOptions options) {
        this(machine, guest, Optional.empty(), target, credentials, options, Bandwidth.unlimited());
    }

    /**
     * A migration that has not begun.
     *
     * @param remote the guest's memory, if it has pages at a memory host: they stay there, and become the target's
     * @param shared holds this migration and others together, beside its own limit
     */
    public Migration(
            Machine machine,
            GuestDescription guest,
            Optional<RemoteMemory> remote,
            InetSocketAddress target,
            Credentials credentials,
            MigrationOptions options,
            Bandwidth shared) {
        this.machine = machine;
        this.guest = guest;
        this.remote = remote;
        this.options = options;
        this.link = new SourceLink(target, credentials, UUID.randomUUID(), options.stall(), guest.name());
        this.limit = new RateLimit(new Bandwidth(options.bandwidth()), shared);
        this.figures = new Figures(guest, target, options);
        this.timeline = figures.timeline();
        this.doubt = new Doubt(link, timeline);
        this.standstill = new GuestStandstill(machine, guest.name(), remote, options, this::isCancelled);
    }

    /** The guest that moves. */
    public GuestDescription guest() {
        return guest;
    }

    /** What is known by now. */
    public MigrationProgress progress() {
        return figures.progress();
    }

    /** The report so far; final once {@link #run} has ended, either way. */
    public MigrationReport report() {
        return figures.report();
    }

    /** Asks for the end. Without effect once the target has been told to run the guest. */
    public void cancel() {
        synchronized (this) {
            if (committed) {
                return;
            }
            cancelled = true;
        }
        link.abort();
    }

    /**
     * This process is about to end: as {@link #cancel}, and memory that has still to follow the guest is not kept for a
     * target that cannot be reached just now, which loses the guest. For one that can be it goes on: ask again.
     */
    public void shutDown() {
        cancel();
        PageService following = pageService();
        if (following != null) {
            following.giveUp();
        }
    }

    /**
     * Gives up the memory that has still to follow the guest, and with it the guest, if it lives at a target that cannot
     * be reached: only for somebody who knows that this one does not come back. The migration fails soon after.
     *
     * @return false when nothing is given up: while the target is reached, and in other phases than
     *     {@link MigrationPhase#POSTCOPY}
     */
    public boolean giveUp() {
        return timeline.phase() == MigrationPhase.POSTCOPY && pageService().giveUp();
    }

    private synchronized PageService pageService() {
        return pages;
    }

    /** Breaks all connections for good, whatever that leads to: as if this process had ended. */
    void die() {
        link.abort();
    }

    /**
     * Lets the guest go on here although nobody knows whether it runs at the target: only for somebody who has made sure
     * that it does not. Without effect except in {@link MigrationPhase#IN_DOUBT}.
     */
    public void overruleDoubt() {
        doubt.overrule();
    }

    /**
     * Migrates.
     *
     * @return what it did; the machine here has been stopped as migrated, its owner closes it
     * @throws MigrationException when it did not come to that; the guest goes on here as before
     */
    public MigrationReport run() throws MigrationException {
        if (!begun.compareAndSet(false, true)) {
            throw new IllegalStateException("a migration runs once");
        }
        try {
            requireWhole();
            requireHeat();
        } catch (MigrationException e) {
            figures.ended(MigrationPhase.FAILED, e.getMessage());
            throw e;
        }
        running = machine.state() == Machine.State.RUNNING;
        // The link is closed first: its threads read what lies in the arena.
        // Most steps are short, and before each of them it would wait its turn behind guests; what takes long pauses.
        try (Arena arena = Arena.ofShared();
                link;
                Urgency _ = Urgency.begin()) {
            migrate(arena);
            figures.ended(MigrationPhase.COMPLETED, null);
            return figures.report();
        } finally {
            figures.disconnected();
        }
    }

    /** What is at a memory host may stay there; nothing may be at its own migration source still. */
    private void requireWhole() throws MigrationException {
        if (remote.isEmpty()) {
            Snapshot.requireWhole(machine);
        } else if (!remote.get().isSettled()) {
            throw new MigrationException(Kind.REFUSED, "some of the guest's memory is still where it came from");
        }
    }

    private void requireHeat() throws MigrationException {
        Optional<String> problem = options.hot().problem(machine, guest.name());
        if (problem.isPresent()) {
            throw new MigrationException(Kind.REFUSED, problem.get());
        }
    }

    private void migrate(Arena arena) throws MigrationException {
        try {
            Precopy precopy = precopy(arena);
            timeline.enter(MigrationPhase.SWITCHOVER);
            switchOver(arena, precopy);
            commit();
            handOver();
            if (precopy.follows()) {
                pages.goneAhead();
                timeline.enter(MigrationPhase.POSTCOPY);
            }
        } catch (TransportException | MigrationException | InterruptedException | RuntimeException | Error e) {
            // First of all: every moment that the guest stands still is one too many.
            goOnHere(e);
            MigrationException failure = explained(e);
            figures.ended(MigrationPhase.FAILED, failure.getMessage());
            throw failure;
        }
        // The guest is the target's: nothing that happens from here on can bring it back.
        remote.ifPresent(RemoteMemory::handOver);
        if (pages != null) {
            sendTheRest();
        }
        machine.stop(MIGRATED);
        takeSummary();
    }

    private void sendTheRest() throws MigrationException {
        try (Urgency.Pause _ = Urgency.pause()) {
            pages.await();
            timeline.followed = System.nanoTime();
        } catch (MigrationException e) {
            // It ran there, and what is here is older than what it may have told the world.
            machine.stop(LOST);
            figures.ended(MigrationPhase.FAILED, e.getMessage());
            throw e;
        } finally {
            figures.followed(pages);
        }
    }

    private void goOnHere(Throwable failure) {
        each(
                failure,
                () -> remote.ifPresent(this::keep),
                () -> {
                    if (running) {
                        machine.resume();
                    }
                },
                standstill::endLog);
    }

    private void keep(RemoteMemory memory) {
        if (!committed) {
            memory.resume();
        } else if (machine.state() == Machine.State.STOPPED) {
            // It was ended here while nobody knew where it runs: what the target may have taken is the target's.
            memory.handOver();
        } else {
            memory.takeBack();
        }
    }

    /** Takes all of the steps, whichever of them fails: a guest is not left standing still for another's sake. */
    static void each(Throwable failure, Runnable... steps) {
        Throwable[] failed = new Throwable[steps.length];
        for (int i = 0; i < steps.length; i++) {
            try {
                steps[i].run();
            } catch (RuntimeException | Error e) {
                failed[i] = e;
            }
        }
        // Not before: under a shortage of memory this may fail, too.
        for (Throwable e : failed) {
            if (e != null && !e.equals(failure)) {
                failure.addSuppressed(e);
                LOG.error("a guest that does not leave goes on, but for this", e);
            }
        }
    }

    private MigrationException explained(Throwable failure) {
        return switch (failure) {
            case MigrationException known -> {
                link.tellAbort(known.getMessage());
                yield known;
            }
            case TransportException broken -> isCancelled() ? MigrationException.cancelled() : link.explained(broken);
            case InterruptedException e -> {
                Thread.currentThread().interrupt();
                yield new MigrationException(Kind.CANCELLED, "the migration was interrupted", e);
            }
            default ->
                new MigrationException(Kind.INTERNAL, "migration of " + guest.name() + " failed: " + failure, failure);
        };
    }

    private Precopy precopy(Arena arena) throws TransportException, MigrationException, InterruptedException {
        Precopy precopy = new Opening(
                        machine, guest, remote, options, link, limit, figures, standstill, this::isCancelled)
                .precopy(arena);
        precopy.run();
        if (precopy.follows()) {
            PageService service = new PageService(
                    link, machine, options, limit, precopy.following(), precopy.largeChunks(), order(arena));
            synchronized (this) {
                pages = service;
            }
            link.follow(service);
        }
        return precopy;
    }

    /** By heat, if the guest has been tracked; what has been seen of it stays readable during a migration. */
    private PageOrder order(Arena arena) {
        Optional<AccessTracker> tracker = machine.accessTracker();
        if (tracker.isEmpty()) {
            return PageOrder.ADDRESS;
        }
        try (Urgency.Pause _ = Urgency.pause()) {
            return PageOrder.hottestFirst(
                    arena, tracker.get().map(), machine.memory().isReserved());
        }
    }

    private void switchOver(Arena arena, Precopy precopy)
            throws TransportException, MigrationException, InterruptedException {
        timeline.pauseStart = System.nanoTime();
        standstill.pause();
        timeline.paused = System.nanoTime();
        limit.hurry();
        // Before the pages that are still dirty are known: what comes from the memory host in between is in both.
        PageSet there = remote.map(memory -> memory.there(arena)).orElse(null);
        RoundSink.Sending last = precopy.startLast(!precopy.follows());
        long saveStarted = System.nanoTime();
        SavedMachine saved = machine.save();
        byte[] state = saved.state().encode();
        timeline.saveNanos = System.nanoTime() - saveStarted;
        SwitchoverCost.saved(timeline.saveNanos);
        figures.notCarried(saved.notSaved());
        sendPageMap(arena, precopy, there);
        limit.count(state.length);
        link.control().send(MessageType.STATE, stateArgument(precopy.round()), state);
        int[] hashes = options.verify() ? hash(there) : new int[0];
        last.await();
        link.awaitArrival(precopy.round());
        ReadyMessage ready =
                ReadyMessage.decode(link.control().expect(MessageType.READY).payload());
        timeline.ready = System.nanoTime();
        timeline.restoreNanos = ready.restoreMicros() * 1000;
        timeline.targetHashNanos = ready.hashMicros() * 1000;
        figures.allSent();
        if (options.verify()) {
            compare(hashes, ready.hashes());
        }
    }

    private void sendPageMap(Arena arena, Precopy precopy, PageSet there) throws TransportException {
        boolean follows = precopy.follows();
        if (!follows && there == null) {
            return;
        }
        PageSet following = follows
                ? precopy.following()
                : new PageSet(arena, machine.memory().pages());
        long epoch = remote.map(RemoteMemory::epoch).orElse(0L);
        long resident = remote.map(RemoteMemory::resident).orElse(0L);
        byte[] map = PageMapMessage.of(following, precopy.largeChunks(), there, epoch, resident)
                .encode();
        limit.count(map.length);
        link.control().send(MessageType.PAGE_MAP, follows ? PageMapMessage.FOLLOW : 0, map);
        if (there != null) {
            figures.remote(there);
        }
        if (follows) {
            figures.willFollow(following.cardinality());
            pages.begin();
        }
    }

    private long stateArgument(int lastRound) {
        return ((long) lastRound << 1) | (options.verify() ? 1 : 0);
    }

    private int[] hash(PageSet there) {
        long started = System.nanoTime();
        int[] hashes = MemoryHash.of(machine.memory(), there);
        timeline.hashNanos = System.nanoTime() - started;
        figures.memoryHash(MemoryHash.text(hashes));
        return hashes;
    }

    private void compare(int[] ours, int[] theirs) throws MigrationException {
        int chunk = MemoryHash.firstDifference(ours, theirs);
        if (chunk >= 0) {
            throw new MigrationException(
                    Kind.VERIFY_FAILED,
                    "guest memory differs at the target from 2 MiB chunk " + chunk + " on; the guest goes on here");
        }
    }

    /** From here on the guest is the target's, unless the target says otherwise. */
    private synchronized void commit() throws MigrationException {
        if (cancelled) {
            throw MigrationException.cancelled();
        }
        remote.ifPresent(RemoteMemory::offer);
        committed = true;
        timeline.enter(MigrationPhase.HANDOVER);
    }

    private void handOver() throws MigrationException {
        try {
            link.control().send(MessageType.COMMIT, running ? 1 : 0);
            timeline.resumeNanos = link.control().expect(MessageType.RUNNING).argument() * 1000;
        } catch (TransportException | RuntimeException | Error e) {
            doubt.settle(e);
        }
        timeline.running = System.nanoTime();
    }

    /** What the target tells at leisure; the migration is complete without it. */
    private void takeSummary() {
        try {
            figures.summary(SummaryMessage.decode(
                    link.control().expect(MessageType.SUMMARY).payload()));
        } catch (TransportException | MigrationException | RuntimeException | Error e) {
            figures.notCarried(List.of("the target's summary: " + e.getMessage()));
        }
    }

    private synchronized boolean isCancelled() {
        return cancelled;
    }
}
