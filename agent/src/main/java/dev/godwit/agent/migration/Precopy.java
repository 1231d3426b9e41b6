package dev.godwit.agent.migration;

import dev.godwit.agent.migration.MigrationException.Kind;
import dev.godwit.agent.migration.MigrationReport.Round;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.memory.Backing;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import java.lang.foreign.Arena;

/**
 * Sends guest memory round by round while the guest runs: first all that exists, then what was written meanwhile, until
 * the rest fits the downtime budget.
 *
 * <p>A round begins when the one before has arrived as a whole: a page can never be overtaken by its older self on
 * another stream.
 *
 * <p>Threading: one thread.
 */
final class Precopy {
    private final Machine machine;
    private final RoundSink sink;
    private final MigrationOptions options;
    private final Figures figures;
    private final Convergence convergence;
    /** What the next round sends; after {@link #run}, what is left for the pause. */
    private final PageSet wanted;

    private final PageSet dirty;
    private final PageSet everSent;
    private final PageSet largeChunks;
    private int round;

    Precopy(Arena arena, Machine machine, RoundSink sink, MigrationOptions options, Figures figures) {
        this.machine = machine;
        this.sink = sink;
        this.options = options;
        this.figures = figures;
        this.convergence = new Convergence(options.downtime(), figures.fixedDowntime());
        long pages = machine.memory().pages();
        this.wanted = new PageSet(arena, pages);
        this.dirty = new PageSet(arena, pages);
        this.everSent = new PageSet(arena, pages);
        this.largeChunks = Backing.emptyChunks(arena, machine.memory());
    }

    /**
     * Rounds until the rest fits the budget. The dirty tracker has been started.
     *
     * @throws MigrationException when that takes too long
     */
    void run() throws TransportException, MigrationException, InterruptedException {
        boolean fits;
        do {
            if (round > 0 && figures.elapsed().compareTo(options.maxTime()) > 0) {
                throw notConverged();
            }
            fits = sendRound();
            if (machine.state() == Machine.State.STOPPED) {
                throw new MigrationException(Kind.GUEST_ENDED, "the guest ended while its memory was being copied");
            }
            if (convergence.isHopeless()) {
                throw hopeless();
            }
        } while (!fits);
    }

    private boolean sendRound() throws TransportException, MigrationException, InterruptedException {
        try (Arena arena = Arena.ofShared()) {
            Backing backing = Backing.scan(arena, machine.memory());
            figures.backing(backing);
            largeChunks.clear();
            largeChunks.addAll(backing.largeChunks());
            if (round == 0) {
                wanted.addAll(backing.resident());
            }
            long started = System.nanoTime();
            long contentBefore = sink.contentPages();
            long zeroBefore = sink.zeroPages();
            long pages = beginRound();
            sink.start(wanted, largeChunks, round).await();
            sink.awaitArrival(round);
            long nanos = System.nanoTime() - started;
            long content = sink.contentPages() - contentBefore;
            long zero = sink.zeroPages() - zeroBefore;
            dirty.clear();
            long dirtied = machine.dirtyTracker().collect(dirty);
            wanted.clear();
            wanted.addAll(dirty);
            boolean fits = convergence.roundDone(content << PageSize.SMALL_SHIFT, nanos, dirtied);
            figures.roundDone(new Round(round, pages, content, zero, nanos / 1000, dirtied), convergence);
            return fits;
        }
    }

    private long beginRound() {
        round++;
        everSent.addAll(wanted);
        long pages = wanted.cardinality();
        figures.roundBegins(round, pages, everSent);
        return pages;
    }

    /**
     * With the guest paused: starts the last round, of what is still dirty.
     */
    RoundSink.Sending startLast() throws TransportException {
        machine.dirtyTracker().collect(wanted);
        beginRound();
        return sink.start(wanted, largeChunks, round);
    }

    /** The number of the round last begun. */
    int round() {
        return round;
    }

    /** However little were dirty, it would go on for ever: with nothing to send as fast as rounds can be. */
    private MigrationException hopeless() {
        return new MigrationException(
                Kind.NOT_CONVERGED,
                "saving and restoring the machine alone take "
                        + figures.fixedDowntime().toMillis() + " ms, the budget for the whole pause is "
                        + options.downtime().toMillis() + " ms; allow a longer --downtime");
    }

    private MigrationException notConverged() {
        return new MigrationException(
                Kind.NOT_CONVERGED,
                "precopy did not converge in " + options.maxTime().toSeconds() + " s: " + (wanted.cardinality() / 256)
                        + " MiB dirty after round " + round + ", a pause of "
                        + convergence.expectedDowntime().toMillis() + " ms for a budget of "
                        + options.downtime().toMillis() + " ms; allow a longer --downtime or more --bandwidth");
    }
}
