package dev.godwit.host.tracking;

import java.time.Duration;

/**
 * How a guest's accesses are tracked.
 *
 * @param share of the guest's time that this may cost, above 0 and at most {@link #MOST_SHARE}
 * @param halfLife after which what was seen counts half, a second to a day
 */
public record AccessTracking(double share, Duration halfLife) {
    /** The most that it may cost. */
    public static final double MOST_SHARE = 0.5;

    /** The shortest half-life. */
    public static final Duration LEAST_HALF_LIFE = Duration.ofSeconds(1);

    /** The longest half-life. */
    public static final Duration MOST_HALF_LIFE = Duration.ofDays(1);

    /** For whoever says no more. */
    public static final AccessTracking DEFAULT = new AccessTracking(0.02, Duration.ofSeconds(60));

    public AccessTracking {
        if (!(share > 0 && share <= MOST_SHARE)) {
            throw new IllegalArgumentException(
                    "the share for access tracking is above 0 and at most " + MOST_SHARE + ", not " + share);
        }
        if (halfLife.compareTo(LEAST_HALF_LIFE) < 0 || halfLife.compareTo(MOST_HALF_LIFE) > 0) {
            throw new IllegalArgumentException("the half-life for access tracking is "
                    + LEAST_HALF_LIFE.toSeconds() + " to " + MOST_HALF_LIFE.toSeconds() + " s, not "
                    + halfLife.toMillis() / 1e3 + " s");
        }
    }
}
