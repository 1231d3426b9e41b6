package dev.godwit.agent.cli;

import dev.godwit.agent.api.GuestView;
import dev.godwit.agent.config.Sizes;
import java.time.Duration;

/** Guests in words. */
final class GuestText {
    private GuestText() {}

    /** Where it is, and why; and how much of its memory is elsewhere. */
    static String state(GuestView guest) {
        if (guest.target() != null) {
            return guest.state() + " to " + guest.target() + (isCutOff(guest) ? ", cut off from its memory host" : "");
        }
        if (guest.exitValue() != null) {
            return guest.state() + " (exit " + guest.exitValue() + ")";
        }
        if (guest.memoryElsewhereBytes() != null) {
            return guest.state() + ", " + Sizes.human(guest.memoryElsewhereBytes()) + " elsewhere";
        }
        return guest.reason() == null ? guest.state() : guest.state() + " (" + guest.reason() + ")";
    }

    /** Whether what it lacks cannot come; as soon as it touches that it stands still. */
    private static boolean isCutOff(GuestView guest) {
        return guest.memoryHost() != null && guest.memoryHost().awayMillis() > 0;
    }

    /** What has become of one that was started: where it has ended already, also why, or where that may be said. */
    static String begun(GuestView guest) {
        String text = "guest " + guest.name() + " is ";
        if (guest.reason() == null) {
            return text + guest.state();
        }
        return text
                + state(guest)
                + (guest.detail() == null ? "; what it wrote: godwit logs " + guest.name() : ": " + guest.detail());
    }

    /** A time span to one unit. */
    static String age(Duration d) {
        long seconds = Math.max(0, d.toSeconds());
        if (seconds < 120) {
            return seconds + " s";
        }
        if (seconds < 7200) {
            return seconds / 60 + " min";
        }
        return seconds < 172_800 ? seconds / 3600 + " h" : seconds / 86_400 + " days";
    }
}
