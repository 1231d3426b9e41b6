package dev.godwit.agent.migration;

import dev.godwit.agent.config.Durations;
import dev.godwit.agent.migration.MigrationException.Kind;
import dev.godwit.agent.migration.MigrationReport.Round;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.memory.Backing;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import dev.godwit.host.thread.Urgency;
import java.lang.foreign.Arena;

/**
 * Sends guest memory round by round while the guest runs: first all that exists, or is hot, then what was written
 * meanwhile, until the rest fits the downtime budget, or is to follow the guest.
 *
 * <p>A round begins when the one before has arrived as a whole: a page can never be overtaken by its older self on
 * another stream.
 *
 * <p>Threading: one thread.
 */
final class Precopy {
    /** So long at least between looks at what is written. */
    private static final long LOOK_MILLIS = 10;

    /** So many times as long as a look takes is between two of them, for large guests. */
    private static final long BETWEEN_LOOKS = 20;

    /** Fewer pages with content say nothing about how long it takes to send some. */
    private static final long TELLING_PAGES = 1024;

    private final Machine machine;
    private final FirstLook look;
    private final RoundSink sink;
    private final MigrationOptions options;
    private final Figures figures;
    private final Convergence convergence;
    /** What the next round sends; after {@link #run}, what is left for the pause, or follows the guest. */
    private final PageSet wanted;

    /** What has been written in this round. */
    private final PageSet dirty;

    /** What the tracker told of that at the last look. */
    private final PageSet log;

    private final WriteRate rate;
    /** How long the last look took; negative when the tracker cannot. */
    private long lookNanos;

    /** In how long {@link #wanted} was written, of the round before; 0 when that is known to all. */
    private long writtenNanos;

    private final PageSet everSent;
    /** What no round sends: all that exists and is not hot, if only that is to go before the guest. */
    private final PageSet cold;

    private final PageSet largeChunks;
    private int round;
    private boolean follows;

    /**
     * Of a guest.
     *
     * @param look what it has; this takes it over. Logged, if the mode has rounds
     */
    Precopy(Arena arena, Machine machine, FirstLook look, RoundSink sink, MigrationOptions options, Figures figures) {
        this.machine = machine;
        this.look = look;
        this.sink = sink;
        this.options = options;
        this.figures = figures;
        this.convergence = new Convergence(options.downtime(), figures.fixedDowntime());
        long pages = machine.memory().pages();
        this.wanted = look.found().resident();
        this.dirty = new PageSet(arena, pages);
        this.log = new PageSet(arena, pages);
        this.rate = new WriteRate(arena, machine.dirtyTracker(), pages);
        this.everSent = new PageSet(arena, pages);
        this.cold = new PageSet(arena, pages);
        this.largeChunks = look.found().largeChunks();
        figures.backing(look.found());
    }

    /**
     * Rounds until the guest is to be paused.
     *
     * @throws MigrationException when that takes too long
     */
    void run() throws TransportException, MigrationException, InterruptedException {
        leaveCold();
        if (!options.mode().hasRounds()) {
            follows = true;
            return;
        }
        rate.begin(look.begun());
        try (Urgency.Pause _ = Urgency.pause()) {
            sendRounds();
        }
    }

    private void sendRounds() throws TransportException, MigrationException, InterruptedException {
        for (boolean fits = false; !fits && !follows; ) {
            if (round > 0 && isLate() && !options.mayPostcopy()) {
                throw notConverged(wanted.cardinality());
            }
            fits = sendRound();
            if (machine.state() == Machine.State.STOPPED) {
                throw new MigrationException(Kind.GUEST_ENDED, "the guest ended while its memory was being copied");
            }
            follows = options.mayPostcopy() && mustGoAhead(fits);
            if (convergence.isHopeless() && !follows && options.mode() != MigrationMode.HYBRID) {
                SwitchoverCost.refused(options.downtime());
                throw hopeless();
            }
        }
        if (follows) {
            tellHeat();
        }
    }

    /**
     * What was written in the round before was accessed: if it follows the guest, it does so before what is colder. Takes
     * some of what it takes to send it, so at a time when nobody waits for that.
     */
    private void tellHeat() {
        if (writtenNanos > 0) {
            machine.accessTracker().ifPresent(tracker -> tracker.written(wanted, writtenNanos));
            writtenNanos = 0;
        }
    }

    private boolean mustGoAhead(boolean fits) {
        if (options.mode() != MigrationMode.HYBRID) {
            return !fits && (isLate() || convergence.isStalled(rate.perSecond()));
        }
        boolean goesAlong = fits && convergence.isShort() && cold.isEmpty();
        return !goesAlong && (isLate() || !convergence.isWorthAnother(rate.perSecond()));
    }

    private boolean isLate() {
        return figures.elapsed().compareTo(options.maxTime()) > 0;
    }

    private boolean sendRound() throws TransportException, MigrationException, InterruptedException {
        if (round > 0) {
            try (Arena own = Arena.ofConfined()) {
                lookAtBacking(own);
            }
            // Not when that round ended: what is written again after this costs the guest a fault, and if it had been
            // the last one that would have been for nothing.
            rate.begin(System.nanoTime());
            machine.dirtyTracker().collect(wanted);
            wanted.removeAll(cold);
        }
        long started = System.nanoTime();
        long contentBefore = sink.contentPages();
        long zeroBefore = sink.zeroPages();
        dirty.clear();
        long pages = beginRound();
        long deferred = sendAll(pages, contentBefore, zeroBefore);
        sink.awaitArrival(round);
        long ended = System.nanoTime();
        long nanos = ended - started;
        writtenNanos = ended - rate.since();
        long content = sink.contentPages() - contentBefore;
        long zero = sink.zeroPages() - zeroBefore;
        long dirtied = dirty.cardinality();
        wanted.clear();
        wanted.addAll(dirty);
        boolean fits = convergence.roundDone(content << PageSize.SMALL_SHIFT, nanos, dirtied);
        figures.roundDone(
                new Round(round, pages, content, zero, deferred, nanos / 1000, dirtied), writtenNanos, convergence);
        return fits;
    }

    private Backing lookAtBacking(Arena arena) {
        Backing backing = Backing.scan(arena, machine.memory());
        figures.backing(backing);
        largeChunks.clear();
        largeChunks.addAll(backing.largeChunks());
        return backing;
    }

    /** Leaves for later what is not hot, if only that is wanted. */
    private void leaveCold() {
        if (!options.hot().isLimited()) {
            return;
        }
        try (Arena arena = Arena.ofConfined();
                Urgency.Pause _ = Urgency.pause()) {
            PageSet hot = options.hot()
                    .choose(arena, machine.accessTracker().orElseThrow().map());
            if (machine.memory().isReserved()) {
                // Of a chunk in parts all would follow.
                hot.widenToChunks();
            }
            for (long i = 0, n = wanted.wordCount(); i < n; i++) {
                cold.setWord(i, wanted.word(i) & ~hot.word(i));
                wanted.setWord(i, wanted.word(i) & hot.word(i));
            }
        }
        figures.hot(wanted.cardinality());
    }

    /**
     * Sends a round, and looks at what is written meanwhile.
     *
     * <p>What has been written again before its turn comes in the first round goes with the next one, as in Xen: twice
     * would be once for nothing. Later rounds send it: else they would end at once, and what is written would be looked for
     * all the time.
     *
     * <p>When the time is over what has not been sent is as if it had just been written: it follows the guest. If nothing
     * may, this ends here.
     *
     * @return pages deferred to the next round
     */
    private long sendAll(long pages, long contentBefore, long zeroBefore)
            throws TransportException, MigrationException, InterruptedException {
        lookNanos = 0;
        long begin = System.nanoTime();
        boolean first = round == 1;
        // What goes to a file has been written when it returns.
        RoundSink.Sending sending =
                first ? sink.start(wanted, largeChunks, round, dirty) : sink.start(wanted, largeChunks, round);
        tellHeat();
        while (!sending.await(Math.min(nextLook(first), untilLate()))) {
            if (isLate()) {
                if (!options.mayPostcopy()) {
                    throw notConverged(pages - sent(contentBefore, zeroBefore));
                }
                sending.stop();
            }
            long content = sink.contentPages() - contentBefore;
            if (look() && options.mayPostcopy() && content >= TELLING_PAGES) {
                long now = System.nanoTime();
                long sent = sent(contentBefore, zeroBefore);
                long written = dirty.cardinality();
                // Some of what is left has been written, and is deferred, too: at least this is sent.
                long left = pages - sent - (first ? written : 0);
                double nanosEach = (double) (now - begin) / content;
                rate.look(
                        now, log, dirty, (long) ((now - begin) * ((double) left / sent)), (long) (written * nanosEach));
            }
        }
        if (!look()) {
            machine.dirtyTracker().collect(log);
            addLog();
        }
        rate.end(System.nanoTime(), log, dirty);
        return sending.deferred() + sending.collectKeptBack(dirty);
    }

    private long sent(long contentBefore, long zeroBefore) {
        return sink.contentPages() - contentBefore + sink.zeroPages() - zeroBefore;
    }

    /** In milliseconds, at least one; never if it is late already. */
    private long untilLate() {
        return isLate()
                ? Long.MAX_VALUE
                : options.maxTime().minus(figures.elapsed()).toMillis() + 1;
    }

    /** In milliseconds; never if nothing depends on it any more. */
    private long nextLook(boolean first) {
        boolean needed = first || (options.mayPostcopy() && !rate.isMeasured());
        return needed && lookNanos >= 0 ? Math.max(LOOK_MILLIS, BETWEEN_LOOKS * lookNanos / 1_000_000) : Long.MAX_VALUE;
    }

    /** False when the tracker cannot tell without collecting. */
    private boolean look() {
        long begin = System.nanoTime();
        log.clear();
        if (!machine.dirtyTracker().peek(log)) {
            lookNanos = -1;
            return false;
        }
        addLog();
        lookNanos = System.nanoTime() - begin;
        return true;
    }

    private void addLog() {
        // Written or not, it follows.
        log.removeAll(cold);
        dirty.addAll(log);
    }

    private long beginRound() {
        round++;
        everSent.addAll(wanted);
        long pages = wanted.cardinality();
        figures.roundBegins(round, pages, everSent);
        return pages;
    }

    /** Whether what is left is to follow the guest, which goes ahead of it. */
    boolean follows() {
        return follows;
    }

    /** With the guest paused, when it {@link #follows}: the pages that do. */
    PageSet following() {
        return wanted;
    }

    /** Chunks that are large pages here. */
    PageSet largeChunks() {
        return largeChunks;
    }

    /**
     * With the guest paused: starts the last round, of what is still dirty.
     *
     * @param all false when that is to follow the guest: the round is empty
     */
    RoundSink.Sending startLast(boolean all) throws TransportException {
        if (look.logged()) {
            machine.dirtyTracker().collectLast(wanted);
        } else {
            try (Arena own = Arena.ofConfined()) {
                wanted.addAll(lookAtBacking(own).resident());
            }
        }
        wanted.addAll(cold);
        if (all) {
            beginRound();
            return sink.startLast(wanted, largeChunks, round);
        }
        round++;
        if (machine.memory().isReserved()) {
            // The target could not put in a part: it would have to copy what it has of them, while the guest stands
            // still.
            wanted.widenToChunks();
        }
        everSent.addAll(wanted);
        figures.following(wanted.cardinality(), everSent);
        dirty.clear();
        return sink.startLast(dirty, largeChunks, round);
    }

    /** The number of the round last begun. */
    int round() {
        return round;
    }

    /** However little were dirty, it would go on for ever: with nothing to send as fast as rounds can be. */
    private MigrationException hopeless() {
        return new MigrationException(
                Kind.NOT_CONVERGED,
                "saving and restoring the machine alone are reckoned with "
                        + Durations.human(figures.fixedDowntime().toNanos() / 1000)
                        + ", the budget for the whole pause is "
                        + Durations.human(options.downtime().toNanos() / 1000) + "; allow a longer --downtime");
    }

    private MigrationException notConverged(long left) {
        return new MigrationException(
                Kind.NOT_CONVERGED,
                "precopy did not converge in "
                        + Durations.human(options.maxTime().toNanos() / 1000) + ": " + (left >> 8)
                        + " MiB are left to send, in round " + round
                        + "; allow a longer --downtime or --max-time, or more --bandwidth"
                        + figures.insteadOfPrecopy());
    }
}
