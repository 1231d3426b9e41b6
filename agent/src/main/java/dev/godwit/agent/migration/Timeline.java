package dev.godwit.agent.migration;

import dev.godwit.agent.migration.MigrationReport.Downtime;
import dev.godwit.agent.migration.MigrationReport.Round;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The source's notes of when things happened ({@link System#nanoTime}), from which the report is made. */
final class Timeline {
    /** Most rounds kept one by one. */
    static final int MAX_ROUNDS = 1000;

    private final long started = System.nanoTime();
    private final Map<MigrationPhase, Long> phases = new LinkedHashMap<>();
    private final List<Round> rounds = new ArrayList<>();
    private MigrationPhase phase = MigrationPhase.CONNECTING;
    private long phaseSince = started;

    volatile long pauseStart;
    volatile long paused;
    volatile long saveNanos;
    volatile long hashNanos;
    volatile long ready;
    volatile long running;
    volatile long followed;
    volatile long restoreNanos;
    volatile long targetHashNanos;
    volatile long resumeNanos;

    synchronized void enter(MigrationPhase next) {
        long now = System.nanoTime();
        phases.merge(phase, now - phaseSince, Long::sum);
        phase = next;
        phaseSince = now;
    }

    synchronized MigrationPhase phase() {
        return phase;
    }

    /** Adds a round; after so many that nobody reads them one by one they are added up in the last. */
    synchronized void add(Round round) {
        if (rounds.size() < MAX_ROUNDS) {
            rounds.add(round);
            return;
        }
        Round last = rounds.removeLast();
        rounds.add(new Round(
                round.number(),
                last.pages() + round.pages(),
                last.dataPages() + round.dataPages(),
                last.zeroPages() + round.zeroPages(),
                last.deferredPages() + round.deferredPages(),
                last.micros() + round.micros(),
                round.dirtiedPages()));
    }

    synchronized List<Round> rounds() {
        return List.copyOf(rounds);
    }

    long elapsedNanos() {
        return System.nanoTime() - started;
    }

    /** From the start until the guest runs at the target and all of its memory is there, or to now. */
    long totalMicros() {
        long ended = phase() == MigrationPhase.POSTCOPY ? 0 : Math.max(running, followed);
        return micros((ended == 0 ? System.nanoTime() : ended) - started);
    }

    /** From the guest's resumption until all of its memory had followed it, or to now. */
    long postcopyMicros() {
        return running == 0 ? 0 : micros((followed == 0 ? System.nanoTime() : followed) - running);
    }

    synchronized Map<String, Long> phaseMicros() {
        Map<String, Long> result = new LinkedHashMap<>();
        phases.forEach((p, nanos) -> result.put(p.text(), micros(nanos)));
        return result;
    }

    Downtime downtime() {
        if (running == 0) {
            return Downtime.NONE;
        }
        long state = saveNanos + restoreNanos;
        // Both sides hash at the same time; the slower one counts, less what it did while the target restored.
        long verify = Math.min(Math.max(hashNanos, targetHashNanos), Math.max(0, ready - paused - state));
        return new Downtime(
                micros(running - pauseStart),
                micros(paused - pauseStart),
                micros(Math.max(0, ready - paused - state - verify)),
                micros(state),
                micros(verify),
                micros(Math.max(0, running - ready - resumeNanos)),
                micros(resumeNanos));
    }

    static long micros(long nanos) {
        return nanos / 1000;
    }
}
