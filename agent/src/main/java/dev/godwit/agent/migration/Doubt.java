package dev.godwit.agent.migration;

import dev.godwit.agent.migration.MigrationException.Kind;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Who has the guest, when the connection broke at the moment that only the target knows. It is asked until it answers, so
 * that the guest never runs twice.
 *
 * <p>Threading: {@link #settle} on the migration's thread, once; {@link #overrule} from any.
 */
final class Doubt {
    private static final Duration ASK_AGAIN = Duration.ofMillis(500);

    private final SourceLink link;
    private final Timeline timeline;
    private final CountDownLatch overruled = new CountDownLatch(1);
    private boolean begun;

    Doubt(SourceLink link, Timeline timeline) {
        this.link = link;
        this.timeline = timeline;
    }

    /** Ends it by order: the guest does not run there. Without effect before there is a doubt. */
    synchronized void overrule() {
        // Not a word sooner: it would be taken for one about a doubt that nobody has looked into yet.
        if (begun) {
            overruled.countDown();
        }
    }

    /**
     * Returns when the guest is known to run there, or to have run.
     *
     * @param broken what broke
     * @throws MigrationException when it does not, by the target's word or by order
     */
    void settle(Throwable broken) throws MigrationException {
        synchronized (this) {
            begun = true;
        }
        timeline.enter(MigrationPhase.IN_DOUBT);
        boolean interrupted = false;
        try {
            for (Outcome outcome = ask(); !outcome.ran(); outcome = ask()) {
                if (outcome == Outcome.NOT_RUNNING) {
                    throw new MigrationException(
                            Kind.CONNECTION, broken.getMessage() + "; the guest does not run at the target", broken);
                }
                try {
                    if (overruled.await(ASK_AGAIN.toMillis(), TimeUnit.MILLISECONDS)) {
                        throw new MigrationException(
                                Kind.IN_DOUBT, "resumed here by order, without the target's word", broken);
                    }
                } catch (InterruptedException e) {
                    // Giving up now could let the guest run twice: only the target's word or an order ends this.
                    interrupted = true;
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private Outcome ask() {
        try {
            return link.ask();
        } catch (RuntimeException | Error e) {
            // Whatever it is, it does not tell who has the guest.
            return Outcome.UNKNOWN;
        }
    }
}
