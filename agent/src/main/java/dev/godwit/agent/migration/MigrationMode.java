package dev.godwit.agent.migration;

import java.util.Locale;
import java.util.Optional;

/** When the guest changes sides: before its memory, after it, or in between. */
public enum MigrationMode {
    /**
     * Memory first, in rounds, until the rest fits the downtime budget. Any failure leaves the guest at the source; a
     * guest that writes faster than the network carries does not converge.
     */
    PRECOPY,
    /**
     * The guest first: it waits at the target for each page that it touches before it has come. Shortest time to the
     * switchover; from then on until all is across both hosts and the network are needed.
     */
    POSTCOPY,
    /**
     * Precopy of all memory or of the hottest ({@link HotPages}), for as long as each round leaves much less than the one
     * before, then the guest, then what it has written meanwhile and what has not been sent, as in postcopy; unless all of
     * that is sent in a moment and goes along.
     */
    HYBRID,
    /** Precopy while it converges, and as soon as it does not the rest as in postcopy. */
    AUTO;

    /** The spelling of API, command line and reports. */
    public String text() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** The mode spelt so, if there is one. */
    public static Optional<MigrationMode> of(String text) {
        for (MigrationMode mode : values()) {
            if (mode.text().equals(text)) {
                return Optional.of(mode);
            }
        }
        return Optional.empty();
    }

    /** Whether memory is sent while the guest still runs at the source. */
    boolean hasRounds() {
        return this != POSTCOPY;
    }

    /** Whether the guest may run at the target while some of its memory is still at the source. */
    boolean mayPostcopy() {
        return this != PRECOPY;
    }
}
