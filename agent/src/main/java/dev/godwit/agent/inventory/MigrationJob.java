package dev.godwit.agent.inventory;

import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.Sizes;
import dev.godwit.agent.migration.MigrationException;
import dev.godwit.agent.migration.MigrationPhase;
import dev.godwit.agent.migration.MigrationProgress;
import dev.godwit.agent.migration.MigrationReport;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** A migration out of this agent, under way or over. Thread-safe. */
public final class MigrationJob {
    private final String id;
    private final String guest;
    private final String target;
    private final Instant startedAt = Instant.now();
    /** Null once it is over: it holds the guest's machine, and jobs are kept for long. */
    private volatile Mover mover;

    private volatile MigrationProgress last = MigrationProgress.NONE;
    private final CountDownLatch done = new CountDownLatch(1);
    private volatile Outcome outcome;

    /**
     * How it ended.
     *
     * @param report what it did, whatever the end
     * @param error why it failed, or null
     * @param directory where the report is kept, or null when it could not be
     */
    public record Outcome(MigrationReport report, MigrationException error, String directory) {
        public boolean succeeded() {
            return error == null;
        }
    }

    MigrationJob(String id, String guest, String target, Mover mover) {
        this.id = id;
        this.guest = guest;
        this.target = target;
        this.mover = mover;
    }

    public String id() {
        return id;
    }

    public String guest() {
        return guest;
    }

    /** Where the guest goes, {@code host:port}. */
    public String target() {
        return target;
    }

    public Instant startedAt() {
        return startedAt;
    }

    public MigrationProgress progress() {
        Mover underWay = mover;
        return underWay == null ? last : underWay.progress();
    }

    /** How it ended, once it has. */
    public Optional<Outcome> outcome() {
        return Optional.ofNullable(outcome);
    }

    /** Asks for its end; no effect when it has ended. */
    public void cancel() {
        ifUnderWay(Mover::cancel);
    }

    /**
     * As {@link #cancel}, also when memory follows the guest to a target that cannot be reached: the user knows that this
     * one is gone for good, and the guest with it.
     *
     * @throws Failure conflict, while the target is reached; nothing is given up then
     */
    public void cancelByForce() {
        Mover underWay = mover;
        if (underWay == null) {
            return;
        }
        underWay.cancel();
        boolean givenUp = underWay.giveUp();
        MigrationProgress now = underWay.progress();
        if (!givenUp && now.phase() == MigrationPhase.POSTCOPY) {
            throw Failure.conflict("guest " + guest + " runs at " + target + ", which is reached: "
                    + Sizes.human(now.remainingBytes())
                    + " of its memory are still being fetched, and nothing is given up");
        }
    }

    /** As {@link #cancel}, for an agent that ends; see {@link Mover#shutDown}. */
    void shutDown() {
        ifUnderWay(Mover::shutDown);
    }

    /** Lets the guest go on here although it may run at the target; no effect except in doubt. */
    public void overruleDoubt() {
        ifUnderWay(Mover::overruleDoubt);
    }

    /** Waits for its end; returns whether it came in time. */
    public boolean await(long millis) throws InterruptedException {
        return done.await(millis, TimeUnit.MILLISECONDS);
    }

    private void ifUnderWay(Consumer<Mover> command) {
        Mover underWay = mover;
        if (underWay != null) {
            command.accept(underWay);
        }
    }

    Mover mover() {
        return mover;
    }

    void end(Outcome how) {
        outcome = how;
        last = mover.progress();
        mover = null;
        done.countDown();
    }
}
