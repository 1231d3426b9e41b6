package dev.godwit.agent.api;

import dev.godwit.agent.config.Failure;
import dev.godwit.agent.inventory.Guest;
import dev.godwit.host.tracking.AccessTracker;
import java.time.Duration;

/**
 * Access tracking to be started or stopped; null is the default.
 *
 * @param share of the guest's time that it may cost, at most 0.5; 0 stops it; default 0.02
 * @param halfLifeSeconds after which what was seen counts half; default 60
 */
public record HeatRequest(Double share, Long halfLifeSeconds) {
    private static final long MOST_SECONDS = 86_400;

    private static void check(double share) {
        if (!(share >= 0 && share <= AccessTracker.MOST_SHARE)) {
            throw Failure.badInput(
                    "the share for access tracking is 0 to " + AccessTracker.MOST_SHARE + ", not " + share);
        }
    }

    void apply(Guest guest) {
        double wanted = share == null ? AccessTracker.DEFAULT_SHARE : share;
        check(wanted);
        long seconds = halfLifeSeconds == null ? AccessTracker.DEFAULT_HALF_LIFE.toSeconds() : halfLifeSeconds;
        if (seconds < 1 || seconds > MOST_SECONDS) {
            throw Failure.badInput("field 'halfLifeSeconds': 1 to " + MOST_SECONDS + ", not " + seconds);
        }
        if (wanted == 0) {
            guest.accessTracker().ifPresent(AccessTracker::stop);
        } else {
            guest.trackAccesses(wanted, Duration.ofSeconds(seconds));
        }
    }
}
