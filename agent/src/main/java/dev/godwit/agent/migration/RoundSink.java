package dev.godwit.agent.migration;

import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.memory.PageSet;

/** Where precopy sends its rounds: a target agent, or a file. */
interface RoundSink {
    /** A round under way. */
    interface Sending {
        /** Waits until all of it has left this side. */
        void await() throws TransportException, InterruptedException;

        /** As {@link #await()}, but no longer than this; whether all of it has left. */
        default boolean await(long millis) throws TransportException, InterruptedException {
            await();
            return true;
        }

        /** Sends no more of the round than what is on its way already, if this can. */
        default void stop() {
            // Soon over, or it goes on to its end.
        }

        /**
         * When all has left this side, adds the pages that did not since {@link #stop}.
         *
         * @return how many
         */
        default long collectKeptBack(PageSet into) {
            return 0;
        }

        /** Pages deferred to the next round so far, but for those kept back. */
        default long deferred() {
            return 0;
        }
    }

    /**
     * Starts sending the pages of {@code wanted}; the set must not change before the round's end.
     *
     * @param large numbers of the chunks that are large pages here
     */
    Sending start(PageSet wanted, PageSet large, int round) throws TransportException;

    /**
     * As {@link #start}, without pages that are written again by the time it would be their turn, as far as it can.
     *
     * @param wanted what is deferred leaves it
     * @param written pages that the next round sends anyhow; more may be added meanwhile
     */
    default Sending start(PageSet wanted, PageSet large, int round, PageSet written) throws TransportException {
        return start(wanted, large, round);
    }

    /** As {@link #start}, with the guest paused. */
    default Sending startLast(PageSet wanted, PageSet large, int round) throws TransportException {
        return start(wanted, large, round);
    }

    /** Waits until the round is safe where it goes. */
    void awaitArrival(int round) throws TransportException, MigrationException;

    /** Pages sent with content so far, each time counted. */
    long contentPages();

    /** Pages sent as zero so far, each time counted. */
    long zeroPages();

    /** Bytes sent so far, frames and content. */
    long wireBytes();
}
