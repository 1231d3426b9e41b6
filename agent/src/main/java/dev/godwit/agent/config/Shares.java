package dev.godwit.agent.config;

import dev.godwit.host.tracking.AccessTracking;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Shares of a guest's time as people write them: a part of one, or per cent. */
public final class Shares {
    private static final Pattern SHARE = Pattern.compile("([0-9]{1,9}(?:\\.[0-9]{1,9})?)(%?)");
    private static final double PERCENT = 100;
    private static final MathContext DIGITS = new MathContext(3);

    private Shares() {}

    /** As people read it, such as {@code 2 %}. */
    public static String text(double share) {
        return new BigDecimal(share * PERCENT)
                        .round(DIGITS)
                        .stripTrailingZeros()
                        .toPlainString() + " %";
    }

    /**
     * Reads a share.
     *
     * @param what what it is the share of, for the message
     * @return above 0 and at most {@link AccessTracking#MOST_SHARE}
     * @throws Failure bad input, when the text is no such share
     */
    public static double parse(String what, String text) {
        Matcher m = SHARE.matcher(text);
        double share =
                m.matches() ? Double.parseDouble(m.group(1)) / (m.group(2).isEmpty() ? 1 : PERCENT) : 0;
        if (!(share > 0 && share <= AccessTracking.MOST_SHARE)) {
            throw Failure.badInput(what + ": " + Quoted.of(text) + " is not a share above 0 and at most "
                    + AccessTracking.MOST_SHARE + ", such as 0.02 or 2%");
        }
        return share;
    }
}
