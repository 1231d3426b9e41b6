package dev.godwit.agent.inventory;

import dev.godwit.agent.config.Failure;
import dev.godwit.bindings.linux.SystemCallException;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.tracking.AccessTracker;
import dev.godwit.host.tracking.AccessTracking;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which pages a guest accesses is tracked, or to be tracked, and when: not while somebody else needs its memory to be
 * left alone.
 *
 * <p>Threading: under its guest's lock.
 */
final class GuestTracking {
    private static final Logger LOG = LoggerFactory.getLogger(GuestTracking.class);
    private static final long PATIENCE_MILLIS = 1000;

    private final String guest;

    /** How it is to be tracked, here and wherever it goes. */
    private Optional<AccessTracking> settings;

    /** Whether it is tracked when nothing hinders that: as it is to be, or for a while. */
    private boolean looking;

    /** Of a guest that is not tracked yet, with what came along with it. */
    GuestTracking(String guest, Optional<AccessTracking> settings) {
        this.guest = guest;
        this.settings = settings;
    }

    /** What is to go along with the guest. */
    Optional<AccessTracking> settings() {
        return settings;
    }

    /**
     * From now on, or with other settings from now on.
     *
     * @param stays whether also wherever the guest goes
     * @throws Failure not capable, when this host offers no way of doing it
     */
    AccessTracker begin(Machine machine, AccessTracking with, boolean stays) {
        try {
            AccessTracker tracker = machine.accessTracker(with);
            awaitBriefly(machine.resumeAccessTracking());
            looking = true;
            if (stays) {
                settings = Optional.of(with);
            }
            return tracker;
        } catch (SystemCallException e) {
            throw new Failure(
                    Failure.Kind.NOT_CAPABLE,
                    "this host offers no way of tracking accesses: " + e.getMessage() + "; godwit check says more");
        }
    }

    /** Ends what was for a while: it is tracked as it is to be, or not at all. */
    void endTemporary(Machine machine) {
        if (settings.isPresent()) {
            machine.accessTracker().ifPresent(tracker -> tracker.settings(settings.get()));
        } else {
            end(machine);
        }
    }

    /** Ends it, also what is to begin when all of the guest's memory is here. */
    void end(Machine machine) {
        awaitBriefly(machine.suspendAccessTracking());
        looking = false;
        settings = Optional.empty();
    }

    /** All of its memory is here, so that it can be tracked as it was where it came from. */
    void ready() {
        looking |= settings.isPresent();
    }

    /**
     * Leaves the guest's memory alone, until {@link #lookOn}. What is known stays readable.
     *
     * @throws Failure conflict, when some of it is away for a look, and does not come back soon
     */
    void lookAway(Machine machine, AccessTracker tracker) {
        // Also of one that does not track: it may be about to, or may not have ended yet.
        boolean done = awaitBriefly(machine.suspendAccessTracking());
        if (tracker.holdsMemory() || (tracker.movesMemory() && !done)) {
            throw Failure.conflict("access tracking of guest " + guest + " still has some of its memory; try again");
        }
    }

    /** Nobody needs its memory to be left alone any more. */
    void lookOn(Machine machine) {
        if (!looking || machine.state() == Machine.State.STOPPED) {
            return;
        }
        try {
            settings.ifPresent(machine::accessTracker);
            awaitBriefly(machine.resumeAccessTracking());
        } catch (RuntimeException | OutOfMemoryError e) {
            LOG.warn("guest {} is not tracked: {}", guest, e.getMessage());
        }
    }

    /** A guest that waits for a page holds it up, and nobody is to wait for that: false when it has not been done yet. */
    private static boolean awaitBriefly(CompletableFuture<Void> change) {
        try {
            change.get(PATIENCE_MILLIS, TimeUnit.MILLISECONDS);
            return true;
        } catch (TimeoutException e) {
            LOG.debug("access tracking follows when the guest has its page", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException e) {
            throw new IllegalStateException(e.getCause());
        }
        return false;
    }
}
