package dev.godwit.agent.api;

import dev.godwit.agent.config.Failure;
import dev.godwit.agent.inventory.Guest;
import dev.godwit.host.tracking.AccessTracker;
import dev.godwit.host.tracking.AccessTracking;
import java.time.Duration;

/**
 * Access tracking to be started, changed or stopped; null is what it is, or the default.
 *
 * @param share of the guest's time that it may cost, at most 0.5; 0 stops it; default 0.02
 * @param halfLifeSeconds after which what was seen counts half; default 60
 * @param temporary here and for a while: what is to be wherever the guest goes stays as it is; default false
 */
public record HeatRequest(Double share, Long halfLifeSeconds, Boolean temporary) {
    /** To be gone on with wherever the guest goes. */
    public HeatRequest(Double share, Long halfLifeSeconds) {
        this(share, halfLifeSeconds, null);
    }

    void apply(Guest guest) {
        if (share != null && share == 0) {
            guest.untrackAccesses(Boolean.TRUE.equals(temporary));
        } else {
            guest.trackAccesses(
                    settings(guest.accessTracker()
                            .filter(AccessTracker::isTracking)
                            .map(AccessTracker::settings)
                            .or(guest.outgoing()::tracking)
                            .orElse(AccessTracking.DEFAULT)),
                    !Boolean.TRUE.equals(temporary));
        }
    }

    private AccessTracking settings(AccessTracking now) {
        try {
            return new AccessTracking(
                    share == null ? now.share() : share,
                    halfLifeSeconds == null ? now.halfLife() : Duration.ofSeconds(halfLifeSeconds));
        } catch (IllegalArgumentException e) {
            throw Failure.badInput(e.getMessage());
        }
    }
}
