package dev.godwit.perf.peer;

import java.util.Locale;

/** Ways in which QEMU migrates. */
public enum QemuMode {
    /** Precopy on one stream. */
    SINGLE,
    /** Precopy on several. */
    MULTIFD,
    /** A first round of precopy, then postcopy. */
    POSTCOPY,
    /** Postcopy from the first moment. */
    POSTCOPY_AT_ONCE;

    /** The name users write. */
    public String text() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    boolean isPostcopy() {
        return this == POSTCOPY || this == POSTCOPY_AT_ONCE;
    }
}
