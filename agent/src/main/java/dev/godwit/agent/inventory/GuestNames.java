package dev.godwit.agent.inventory;

import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.Quoted;
import java.util.regex.Pattern;

/** What a guest may be called: fit for a path, a URL and a terminal. */
public final class GuestNames {
    private static final Pattern NAME = Pattern.compile("[a-z0-9][a-z0-9_.-]{0,62}");

    private GuestNames() {}

    /**
     * Refuses other names.
     *
     * @return the name
     * @throws Failure bad input
     */
    public static String check(String name) {
        if (name == null || !NAME.matcher(name).matches()) {
            throw Failure.badInput((name == null ? "a guest needs a name" : Quoted.of(name) + " is no name for a guest")
                    + "; use 1 to 63 of a-z, 0-9, '_', '.' and '-', the first a letter or digit");
        }
        return name;
    }
}
