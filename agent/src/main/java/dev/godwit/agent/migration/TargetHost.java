package dev.godwit.agent.migration;

import dev.godwit.agent.memoryhost.RemoteMemory;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.memory.Userfault;
import java.util.List;
import java.util.Optional;

/**
 * The agent as its migration server sees it: who takes guests in. Called on the migration's thread, which
 * is urgent but for large guests in {@link #admit} and {@link Admission#back}, and in {@link Admission#abandon}.
 *
 * <p>Order: {@link #admit}, then either {@link Admission#adopt} or {@link Admission#abandon}, once.
 */
public interface TargetHost {
    /**
     * Makes room for a guest: reserves its name and builds its empty machine.
     *
     * @throws RefusedException when this host cannot or will not take it
     */
    Admission admit(GuestDescription guest) throws RefusedException;

    /** Why no guest may run here before all of its memory is here; empty when it may. */
    default Optional<String> pagingProblem() {
        return Userfault.problem();
    }

    /** A guest that is on its way here. */
    interface Admission {
        /** The empty machine, PAUSED. */
        Machine machine();

        /**
         * These chunks of the guest's RAM will be large pages: a host that keeps some ready puts them there now. Those
         * that it has not come as they are written.
         *
         * @param large the longest first, no chunk twice, all within RAM
         */
        default void back(List<ChunkRun> large) {
            // Most hosts keep none.
        }

        /** Its memory, standing by, if some of it is at a memory host. */
        default Optional<RemoteMemory> remote() {
            return Optional.empty();
        }

        /**
         * The guest is about to be resumed here: it belongs to this host from now on.
         *
         * @param whole whether all of its memory is here
         */
        void adopt(boolean whole);

        /**
         * The guest is this host's and all of its memory is here, or it has ended before. Its source waits for the summary
         * meanwhile.
         */
        default void completed() {
            // Some hosts have nothing that waits for it.
        }

        /** The guest does not come: give everything back. */
        void abandon(String reason);
    }

    /** Why a guest is not taken; the message is one line for the other side. */
    final class RefusedException extends Exception {
        private static final long serialVersionUID = 1;

        public RefusedException(String message) {
            super(message);
        }
    }
}
