package dev.godwit.agent.api;

import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.Quoted;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;

/** Paths in requests: absolute, because the agent's working directory means nothing to who asks. */
final class AbsolutePath {
    private AbsolutePath() {}

    static Path of(String field, String text) {
        try {
            if (text != null && text.startsWith("/")) {
                return Path.of(text);
            }
        } catch (InvalidPathException e) {
            // Said below.
        }
        throw Failure.badInput("field '" + field + "': "
                + (text == null ? "it is missing" : Quoted.of(text) + " is no absolute path"));
    }
}
