package dev.godwit.agent.migration;

import java.util.Locale;

/** Where a migration is, as its source sees it. */
public enum MigrationPhase {
    /** Reaching the target and agreeing on version, peer and guest; a guest without a memory host is looked at meanwhile. */
    CONNECTING,
    /** Sending memory while the guest runs. */
    PRECOPY,
    /** The guest is paused; its last pages and its state go over. */
    SWITCHOVER,
    /** The target has been told to run the guest; whether it does is not known yet. */
    HANDOVER,
    /** The guest runs at the target, and the rest of its memory follows. */
    POSTCOPY,
    /** The guest runs at the target, and all of its memory is there. */
    COMPLETED,
    /** It did not come to that; the guest is at the source, as it was. */
    FAILED,
    /**
     * The connection broke during the handover and the target cannot be asked: the guest is kept paused here until the
     * target answers or a person decides.
     */
    IN_DOUBT;

    /** The spelling of API and reports. */
    public String text() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** Whether nothing more will happen. */
    public boolean isFinal() {
        return this == COMPLETED || this == FAILED;
    }
}
