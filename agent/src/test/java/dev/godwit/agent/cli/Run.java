package dev.godwit.agent.cli;

import dev.godwit.agent.config.Environment;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/**
 * A command run in this process, and what came of it.
 *
 * @param status its exit status
 */
record Run(int status, String out, String err) {
    static Run of(String... args) {
        return with(Map.of(), "", args);
    }

    static Run with(Map<String, String> environment, String input, String... args) {
        return with(environment, input, new ByteArrayOutputStream(), args);
    }

    /** For whoever looks at what it prints, {@code out}, meanwhile. */
    static Run with(Map<String, String> environment, String input, ByteArrayOutputStream out, String... args) {
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        Console console = new Console(
                new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)),
                new PrintStream(out, true, StandardCharsets.UTF_8),
                new PrintStream(err, true, StandardCharsets.UTF_8),
                new Environment(environment),
                false);
        int status = Main.run(args, console);
        return new Run(status, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
    }
}
