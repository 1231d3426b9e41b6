package dev.godwit.agent.migration;

import dev.godwit.agent.migration.MigrationReport.Round;
import dev.godwit.host.memory.Backing;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * What the source counts during a migration, and the progress and report made of it.
 *
 * <p>Threading: the migration's thread writes, any thread asks.
 */
final class Figures {
    private final Timeline timeline = new Timeline();
    private final GuestDescription guest;
    private final InetSocketAddress target;
    private final MigrationOptions options;

    private RoundSink streams;
    private Duration fixedDowntime = Duration.ZERO;
    private int round;
    private long roundPages;
    private long sentBeforeRound;
    private long dirtyRate;
    private long bandwidth;
    private long expectedDowntimeNanos = -1;
    private long distinctPages;
    private long untouchedPages;
    private long largePagesBefore;
    private long largePagesAfter;
    private long contentPages;
    private long zeroPages;
    private long wireBytes;
    private String memoryHash;
    private String outcome = "running";
    private String error;
    private long namedPages;
    private long remotePages;
    private long followingPages = -1;
    private long hotPages = -1;
    private String wholeBecause;
    private long urgentPages;
    private int reconnects;
    private FaultSummary faults;
    private final List<String> notCarried = new ArrayList<>();

    Figures(GuestDescription guest, InetSocketAddress target, MigrationOptions options) {
        this.guest = guest;
        this.target = target;
        this.options = options;
    }

    Timeline timeline() {
        return timeline;
    }

    Duration elapsed() {
        return Duration.ofNanos(timeline.elapsedNanos());
    }

    synchronized Duration fixedDowntime() {
        return fixedDowntime;
    }

    synchronized void connected(RoundSink opened, Duration fixed) {
        streams = opened;
        fixedDowntime = fixed;
    }

    synchronized void backing(Backing backing) {
        largePagesBefore = backing.largeBytes();
        if (round == 0) {
            // What is at a memory host is not there, as if nobody had ever touched it.
            untouchedPages =
                    Math.max(0, backing.resident().pages() - backing.resident().cardinality() - namedPages);
        }
    }

    synchronized void roundBegins(int number, long pages, PageSet everSent) {
        round = number;
        roundPages = pages;
        sentBeforeRound = sentPages();
        distinctPages = everSent.cardinality();
    }

    /** @param writtenNanos in how long the pages were written that it found written */
    synchronized void roundDone(Round done, long writtenNanos, Convergence convergence) {
        timeline.add(done);
        bandwidth = convergence.bandwidth();
        expectedDowntimeNanos = convergence.expectedDowntime().toNanos();
        dirtyRate = (long) ((done.dirtiedPages() << PageSize.SMALL_SHIFT) * 1e9 / Math.max(1, writtenNanos));
        roundPages = done.dirtiedPages();
        sentBeforeRound = sentPages();
    }

    /** Everything is at the target: the streams' counters are final. */
    synchronized void allSent() {
        freeze();
        if (followingPages >= 0) {
            return;
        }
        List<Round> rounds = timeline.rounds();
        long content =
                contentPages - rounds.stream().mapToLong(Round::dataPages).sum();
        long zero = zeroPages - rounds.stream().mapToLong(Round::zeroPages).sum();
        long micros = Timeline.micros(timeline.ready - timeline.paused);
        timeline.add(new Round(round, roundPages, content, zero, 0, micros, 0));
    }

    /** Takes the counters over from the streams, which are about to go. */
    synchronized void freeze() {
        if (streams != null) {
            contentPages = streams.contentPages();
            zeroPages = streams.zeroPages();
            wireBytes = streams.wireBytes();
        }
    }

    /** The streams are closed. */
    synchronized void disconnected() {
        freeze();
        streams = null;
    }

    /** The target would not let the guest run before all of its memory is there. */
    synchronized void whole(String why) {
        wholeBecause = why;
    }

    /** What else there is for a guest whose precopy does not converge, as the end of a sentence. */
    synchronized String insteadOfPrecopy() {
        return wholeBecause == null
                ? ", or take --mode auto" + (options.verify() ? " without --verify" : "")
                : "; its memory cannot follow it, since the target says: " + wholeBecause;
    }

    /** So many pages go before the guest because they are hot. */
    synchronized void hot(long pages) {
        hotPages = pages;
    }

    /** So many pages will follow the guest. */
    synchronized void following(long pages, PageSet everSent) {
        followingPages = pages;
        roundPages = pages;
        sentBeforeRound = sentPages();
        distinctPages = everSent.cardinality();
    }

    /** So many of {@link #following} do: what came from the memory host meanwhile stays there. */
    synchronized void willFollow(long pages) {
        followingPages = pages;
        roundPages = pages;
    }

    /** So many pages are at the guest's memory host when its migration begins; some of them may come back meanwhile. */
    synchronized void named(long pages) {
        namedPages = pages;
    }

    /** These pages stay at the guest's memory host. */
    synchronized void remote(PageSet pages) {
        remotePages = pages.cardinality();
    }

    /** All of them have. */
    synchronized void followed(PageService service) {
        urgentPages = service.urgentPages();
        reconnects = service.reconnects();
    }

    private MigrationReport.Postcopy postcopy() {
        return followingPages < 0
                ? null
                : new MigrationReport.Postcopy(
                        followingPages, urgentPages, timeline.postcopyMicros(), reconnects, faults);
    }

    synchronized void memoryHash(String text) {
        memoryHash = text;
    }

    synchronized void notCarried(List<String> names) {
        notCarried.addAll(names);
    }

    synchronized void summary(SummaryMessage message) {
        largePagesAfter = message.largePageBytes();
        notCarried.addAll(message.notRestored());
        faults = message.faults();
    }

    synchronized void ended(MigrationPhase phase, String why) {
        timeline.enter(phase);
        outcome = phase.text();
        error = why;
    }

    private long sentPages() {
        freeze();
        return contentPages + zeroPages;
    }

    synchronized MigrationProgress progress() {
        long pending = Math.max(0, roundPages - (sentPages() - sentBeforeRound));
        MigrationPhase phase = timeline.phase();
        return new MigrationProgress(
                phase,
                round,
                contentPages << PageSize.SMALL_SHIFT,
                phase.isFinal() ? 0 : pending << PageSize.SMALL_SHIFT,
                guest.config().memoryBytes(),
                dirtyRate,
                bandwidth,
                Duration.ofNanos(expectedDowntimeNanos),
                elapsed());
    }

    synchronized MigrationReport report() {
        freeze();
        long sent = contentPages + zeroPages;
        return new MigrationReport(
                guest.name(),
                target.getHostString() + ":" + target.getPort(),
                outcome,
                error,
                guest.config().memoryBytes(),
                options.streams(),
                timeline.totalMicros(),
                timeline.downtime(),
                options.mode().text(),
                postcopy(),
                timeline.rounds(),
                contentPages << PageSize.SMALL_SHIFT,
                wireBytes,
                contentPages,
                zeroPages,
                untouchedPages,
                remotePages,
                distinctPages == 0 ? 1 : Math.max(1, sent / (double) distinctPages),
                largePagesBefore,
                largePagesAfter,
                memoryHash,
                List.copyOf(notCarried),
                timeline.phaseMicros(),
                hotPages < 0 ? null : new MigrationReport.Hot(hotPages, hotPages << PageSize.SMALL_SHIFT),
                wholeBecause);
    }
}
