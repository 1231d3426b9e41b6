package dev.godwit.agent.migration;

import dev.godwit.agent.memoryhost.RemoteMemory;
import dev.godwit.agent.migration.MigrationException.Kind;
import dev.godwit.host.machine.Machine;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a migration wants of its guest: that its pages stay, its writes are logged, and it stands still. A guest with pages
 * at a memory host may be waiting for one, and the last two cannot be done before it has that: each is waited for no longer
 * than the stall time, and not once the migration is cancelled.
 *
 * <p>Threading: the migration's thread.
 */
final class GuestStandstill {
    private static final Logger LOG = LoggerFactory.getLogger(GuestStandstill.class);

    /** How often it looks whether the migration has been cancelled. */
    private static final long LOOK_MILLIS = 100;

    /** A guest of middling size that does not wait for a page is logged in less. */
    private static final long SOON_MILLIS = 20;

    private final Machine machine;
    private final String name;
    private final Optional<RemoteMemory> remote;
    private final MigrationOptions options;
    private final BooleanSupplier cancelled;
    /** Completes with the time since when all is as {@link #watch} has it; null as long as pages may leave. */
    private CompletableFuture<Long> watching;

    private boolean logs;

    /**
     * Of a guest.
     *
     * @param name the guest's, for messages
     * @param remote its memory, if it has pages at a memory host
     * @param cancelled whether the migration is
     */
    GuestStandstill(
            Machine machine,
            String name,
            Optional<RemoteMemory> remote,
            MigrationOptions options,
            BooleanSupplier cancelled) {
        this.machine = machine;
        this.name = name;
        this.remote = remote;
        this.options = options;
        this.cancelled = cancelled;
        // What comes from a memory host meanwhile is told by the log.
        this.logs = options.mode().hasRounds() || remote.isPresent();
    }

    /**
     * As {@link #watch}, which is still to be called, but waits no longer than a moment.
     *
     * @return whether that was enough; else the guest may have what it touches until then
     */
    boolean watchSoon() throws InterruptedException {
        long soon = System.nanoTime() + SOON_MILLIS * 1_000_000;
        boolean watched = false;
        if (begin(() -> cancelled.getAsBoolean() || System.nanoTime() > soon)) {
            try {
                watching.get(SOON_MILLIS, TimeUnit.MILLISECONDS);
                watched = true;
            } catch (TimeoutException | ExecutionException e) {
                LOG.debug("what {} writes is not logged yet", name, e);
            }
        }
        if (!watched) {
            // Nobody knows how long the target takes to say its word, and nothing leaves meanwhile.
            remote.ifPresent(RemoteMemory::unbound);
        }
        return watched;
    }

    /** False when it was given up. */
    private boolean begin(BooleanSupplier givenUp) throws InterruptedException {
        if (watching == null && (remote.isEmpty() || remote.get().hold(givenUp))) {
            watching = (logs ? machine.startDirtyTracking() : CompletableFuture.<Void>completedFuture(null))
                    .thenApply(_ -> System.nanoTime());
        }
        return watching != null;
    }

    /**
     * From the return on, nothing leaves for the memory host any more, and what the guest writes is logged. Not if all of
     * its memory follows it from here: what there is then is looked for when it stands still, unless {@link #logToo}.
     *
     * @return since when, by {@link System#nanoTime}
     */
    long watch() throws MigrationException, InterruptedException {
        long latest = latest();
        if (!begin(() -> cancelled.getAsBoolean() || System.nanoTime() > latest)) {
            checkCancelled();
            throw heldUp();
        }
        boolean running = machine.state() == Machine.State.RUNNING;
        for (boolean kicked = false; true; kicked = true) {
            checkCancelled();
            if (System.nanoTime() > latest) {
                throw waits();
            }
            try {
                long since = watching.get(LOOK_MILLIS, TimeUnit.MILLISECONDS);
                remote.ifPresent(RemoteMemory::bound);
                return since;
            } catch (TimeoutException e) {
                // If it waits for room, there is none before it has moved.
                remote.ifPresent(RemoteMemory::unbound);
                LOG.debug("{} waits for a page, and what it writes cannot be logged before that", name);
                // Most waits for a page can be left and begun again, and KVM needs no more than that.
                if (running && !kicked && machine.pause(() -> true)) {
                    machine.resume();
                }
            } catch (ExecutionException e) {
                throw new MigrationException(
                        Kind.INTERNAL, "what " + name + " writes cannot be logged: " + e.getCause(), e);
            }
        }
    }

    /** From the next {@link #watch} on what the guest writes is logged, whatever the mode. */
    void logToo() {
        logs = true;
        watching = null;
    }

    /** Whether what the guest writes is logged. */
    boolean logs() {
        return logs;
    }

    /** Not for as long as it may take: the guest may wait for a page, and what is left to do costs it little meanwhile. */
    void endLog() {
        if (watching == null || !logs) {
            return;
        }
        try {
            machine.stopDirtyTracking().get(LOOK_MILLIS, TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            LOG.debug("what {} writes is still logged, until it gets a page that it waits for", name);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException e) {
            LOG.warn("what {} writes may still be logged, which costs it time", name, e.getCause());
        }
    }

    /** A guest that waits for a page cannot always be paused, and its other vCPUs would stand still until that is here. */
    void pause() throws MigrationException {
        long latest = latest();
        if (remote.isPresent()) {
            long soon = System.nanoTime() + LOOK_MILLIS * 1_000_000;
            if (machine.pause(() -> cancelled.getAsBoolean() || System.nanoTime() > soon)) {
                return;
            }
            // If it waits for room in a way that no pause ends: there is none before it has moved.
            remote.get().unbound();
        }
        if (machine.pause(() -> cancelled.getAsBoolean() || System.nanoTime() > latest)) {
            return;
        }
        checkCancelled();
        if (machine.state() == Machine.State.RUNNING && System.nanoTime() > latest) {
            throw waits();
        }
        throw new MigrationException(Kind.GUEST_ENDED, "the guest ended while it was being migrated");
    }

    private long latest() {
        return System.nanoTime() + options.stall().toNanos();
    }

    private void checkCancelled() throws MigrationException {
        if (cancelled.getAsBoolean()) {
            throw MigrationException.cancelled();
        }
    }

    private MigrationException heldUp() {
        return new MigrationException(
                Kind.CONNECTION,
                "the guest's pages at memory host "
                        + remote.orElseThrow().config().at()
                        + " are still being taken back, or stored, after "
                        + options.stall().toMillis()
                        + " ms, and it cannot be migrated meanwhile");
    }

    private MigrationException waits() {
        String where =
                remote.map(memory -> " at memory host " + memory.config().at()).orElse("");
        return new MigrationException(
                Kind.CONNECTION,
                "the guest has waited for a page" + where + " for "
                        + options.stall().toMillis() + " ms and more, and cannot be migrated meanwhile");
    }
}
