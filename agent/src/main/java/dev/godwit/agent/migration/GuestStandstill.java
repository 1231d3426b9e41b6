package dev.godwit.agent.migration;

import dev.godwit.agent.memoryhost.RemoteMemory;
import dev.godwit.agent.migration.MigrationException.Kind;
import dev.godwit.host.machine.Machine;
import java.time.Duration;
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

    private final Machine machine;
    private final String name;
    private final Optional<RemoteMemory> remote;
    private final Duration stall;
    private final BooleanSupplier cancelled;
    /** Completes with the time by which what is written is logged. */
    private CompletableFuture<Long> logging;

    /**
     * Of a guest.
     *
     * @param name the guest's, for messages
     * @param remote its memory, if it has pages at a memory host
     * @param cancelled whether the migration is
     */
    GuestStandstill(
            Machine machine, String name, Optional<RemoteMemory> remote, Duration stall, BooleanSupplier cancelled) {
        this.machine = machine;
        this.name = name;
        this.remote = remote;
        this.stall = stall;
        this.cancelled = cancelled;
    }

    /**
     * From the return on, what the guest writes is logged. Nothing leaves for the memory host any more: what is logged as
     * written, a round looks for here.
     *
     * @return since when, by {@link System#nanoTime}
     */
    long log() throws MigrationException, InterruptedException {
        if (remote.isPresent()) {
            remote.get().hold(cancelled);
        }
        logging = machine.startDirtyTracking().thenApply(_ -> System.nanoTime());
        boolean running = machine.state() == Machine.State.RUNNING;
        long latest = latest();
        for (boolean kicked = false; true; kicked = true) {
            checkCancelled();
            if (System.nanoTime() > latest) {
                throw waits();
            }
            try {
                long since = logging.get(LOOK_MILLIS, TimeUnit.MILLISECONDS);
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

    /** Not for as long as it may take: the guest may wait for a page, and what is left to do costs it little meanwhile. */
    void endLog() {
        if (logging == null) {
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
        return System.nanoTime() + stall.toNanos();
    }

    private void checkCancelled() throws MigrationException {
        if (cancelled.getAsBoolean()) {
            throw Migration.cancelledException();
        }
    }

    private MigrationException waits() {
        String where =
                remote.map(memory -> " at memory host " + memory.config().at()).orElse("");
        return new MigrationException(
                Kind.CONNECTION,
                "the guest has waited for a page" + where + " for " + stall.toMillis()
                        + " ms and more, and cannot be migrated meanwhile");
    }
}
