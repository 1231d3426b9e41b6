package dev.godwit.agent.inventory;

import dev.godwit.agent.memoryhost.RemoteMemory;
import dev.godwit.agent.migration.GuestDescription;
import dev.godwit.agent.migration.MigrationException;
import dev.godwit.agent.migration.MigrationOptions;
import dev.godwit.agent.migration.MigrationProgress;
import dev.godwit.agent.migration.MigrationReport;
import dev.godwit.host.machine.Machine;
import java.net.InetSocketAddress;
import java.util.Optional;

/** One migration, as the inventory drives it. */
public interface Mover {
    /**
     * Migrates; at the return the guest runs at the target, and its machine here is stopped but not closed.
     *
     * @throws MigrationException when it did not come to that; the guest goes on here
     */
    MigrationReport run() throws MigrationException;

    /** Where it is; from any thread. */
    MigrationProgress progress();

    /** Asks for its end, without effect once the target has been told to run the guest; from any thread. */
    void cancel();

    /**
     * As {@link #cancel}, for an agent that ends: nothing is kept for a target that cannot be reached just now. Asked
     * again and again while memory follows a guest.
     */
    void shutDown();

    /**
     * Gives up a guest whose memory follows it to a target that cannot be reached; from any thread.
     *
     * @return false when it is reached, or no memory follows: then this has no effect
     */
    boolean giveUp();

    /** Lets the guest go on here although it may run at the target; no effect except in doubt. */
    void overruleDoubt();

    /** What it did so far, also after a failure. */
    MigrationReport report();

    /** Makes migrations. */
    @FunctionalInterface
    interface Factory {
        /**
         * A migration that has not begun.
         *
         * @param remote the guest's memory, if some of it is at a memory host
         */
        Mover create(
                Machine machine,
                GuestDescription guest,
                Optional<RemoteMemory> remote,
                InetSocketAddress target,
                MigrationOptions options);
    }
}
