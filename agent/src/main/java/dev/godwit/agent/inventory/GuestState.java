package dev.godwit.agent.inventory;

import java.util.Locale;

/** Where a guest is, as people see it. */
public enum GuestState {
    /** Its machine is being built. */
    STARTING,
    /** It is on its way here from another agent. */
    ARRIVING,
    RUNNING,
    /** As RUNNING, but it waits for pages at a memory host that cannot be reached; it goes on when that is back. */
    WAITING,
    PAUSED,
    /** It is on its way to another agent, and runs here meanwhile. */
    MIGRATING,
    /** It was handed over to another agent that has not said that it runs it; it is kept paused here. */
    IN_DOUBT,
    /** It ended by itself; its log is kept until somebody stops it. */
    STOPPED,
    /** It lives on another agent. */
    MIGRATED;

    /** The spelling of the API. */
    public String text() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
