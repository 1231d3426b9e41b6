package dev.godwit.agent.config;

/** What a user typed, fit to stand in a one-line message. */
public final class Quoted {
    private static final int LONGEST = 60;

    private Quoted() {}

    /** The text in quotes, cut when long, with nothing that would break the line or the terminal. */
    public static String of(String text) {
        StringBuilder out = new StringBuilder("'");
        text.codePoints().limit(LONGEST).forEach(c -> {
            if (Character.isISOControl(c) || Character.getType(c) == Character.FORMAT || c == 0x2028 || c == 0x2029) {
                out.append('?');
            } else {
                out.appendCodePoint(c);
            }
        });
        if (text.codePointCount(0, text.length()) > LONGEST) {
            out.append("…");
        }
        return out.append('\'').toString();
    }
}
