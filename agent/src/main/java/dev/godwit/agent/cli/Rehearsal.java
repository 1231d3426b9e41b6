package dev.godwit.agent.cli;

import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/**
 * Runs short commands one after another in one JVM, which the launcher's build records for its ahead-of-time cache. A
 * recording of a single command would leave out most of what the others load. It needs no agent and changes nothing:
 * the commands that would talk to one fail to reach it.
 */
final class Rehearsal {
    private static final String NO_AGENT = "--agent=/dev/null/api.sock";

    private static final String[][] COMMANDS = {
        {"--help"},
        {"check", "--json"},
        {NO_AGENT, "ps", "--json"},
        {NO_AGENT, "show", "guest"},
        {NO_AGENT, "start", "guest", "--image", "hello", "--memory", "64m"},
        {NO_AGENT, "migrate", "guest", "--to", "127.0.0.1:7000"},
    };

    private Rehearsal() {}

    public static void main(String[] args) {
        PrintStream nowhere = new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8);
        for (String[] command : COMMANDS) {
            Main.run(command, nowhere, nowhere);
        }
    }
}
