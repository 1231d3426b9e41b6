package dev.godwit.agent.migration;

import dev.godwit.agent.transport.ProcessIdentity;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;

/**
 * What a process knows of the sessions in which it was the target: those under way, and how the last ones ended. It is
 * the process's and not one server's, because a source asks whether the guest runs in that process, whoever answers.
 *
 * <p>Threading: any thread.
 */
final class SessionBook {
    /** The one that counts; others are for tests. */
    static final SessionBook OF_THIS_PROCESS = new SessionBook();

    /** Ended sessions that are remembered. */
    static final int MAX_ENDED = 1024;

    private final Map<UUID, TargetSession> underWay = new HashMap<>();
    private final Map<UUID, Outcome> ended = new LinkedHashMap<>();

    /** Whether a session that ran its guest has been forgotten. */
    private boolean forgetful;

    /** Takes a session in; false when there was one of that id. */
    synchronized boolean begin(UUID id, TargetSession session) {
        return !ended.containsKey(id) && underWay.putIfAbsent(id, session) == null;
    }

    /** A session has ended, one way or the other. */
    synchronized void end(UUID id, Outcome outcome) {
        ended.put(id, outcome);
        underWay.remove(id);
        if (ended.size() > MAX_ENDED) {
            forgetOneBut(id);
        }
    }

    /** The oldest of those that did not run, or else the oldest; never the one whose source is about to ask. */
    private void forgetOneBut(UUID newest) {
        UUID forgotten = ended.keySet().stream()
                .filter(id -> ended.get(id) == Outcome.NOT_RUNNING && !id.equals(newest))
                .findFirst()
                .orElseGet(() -> ended.keySet().iterator().next());
        // Those that did not run went first: what a process that forgets nothing else does not know, it never ran.
        forgetful |= ended.remove(forgotten) != Outcome.NOT_RUNNING;
    }

    /**
     * How a session ended that {@code taker} took; one that is under way is ended by that, to the source's favour.
     *
     * @param taker the process that accepted it, {@link ProcessIdentity#NONE} if it did not say
     * @param here this process
     */
    Outcome settle(UUID id, ProcessIdentity taker, ProcessIdentity here) {
        TargetSession session;
        synchronized (this) {
            if (ended.containsKey(id)) {
                return ended.get(id) == Outcome.RUNNING ? Outcome.COMPLETE : ended.get(id);
            }
            session = underWay.get(id);
            if (session == null) {
                return ofStranger(taker, here);
            }
        }
        return session.settle();
    }

    private Outcome ofStranger(ProcessIdentity taker, ProcessIdentity here) {
        if (taker.equals(here)) {
            return forgetful ? Outcome.UNKNOWN : Outcome.NOT_RUNNING;
        }
        return taker.isGone(here) ? Outcome.NOT_RUNNING : Outcome.STRANGER;
    }
}
