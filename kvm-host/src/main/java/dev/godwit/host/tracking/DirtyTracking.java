package dev.godwit.host.tracking;

import java.util.Locale;

/** The ways of tracking written pages. */
public enum DirtyTracking {
    /** A bitmap of all RAM that is read at once: no limit, cost in proportion to RAM. The default. */
    LOG,
    /** A ring of page numbers for each vCPU: cost in proportion to writes; a full ring stops the vCPU until it is read. */
    RING;

    /** The spelling of configuration, command line and wire. */
    public String text() {
        return name().toLowerCase(Locale.ROOT);
    }
}
