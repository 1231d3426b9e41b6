package dev.godwit.agent.config;

import dev.godwit.host.tracking.AccessTracker;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Shares of a guest's time as people write them: a part of one, or per cent. */
public final class Shares {
    private static final Pattern SHARE = Pattern.compile("([0-9]{1,9}(?:\\.[0-9]{1,9})?)(%?)");
    private static final double PERCENT = 100;

    private Shares() {}

    /**
     * Reads a share.
     *
     * @param what what it is the share of, for the message
     * @return above 0 and at most {@link AccessTracker#MOST_SHARE}
     * @throws Failure bad input, when the text is no such share
     */
    public static double parse(String what, String text) {
        Matcher m = SHARE.matcher(text);
        double share =
                m.matches() ? Double.parseDouble(m.group(1)) / (m.group(2).isEmpty() ? 1 : PERCENT) : 0;
        if (!(share > 0 && share <= AccessTracker.MOST_SHARE)) {
            throw Failure.badInput(what + ": " + Quoted.of(text) + " is not a share above 0 and at most "
                    + AccessTracker.MOST_SHARE + ", such as 0.02 or 2%");
        }
        return share;
    }
}
