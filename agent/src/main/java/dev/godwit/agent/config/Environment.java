package dev.godwit.agent.config;

import java.nio.file.Path;
import java.util.Map;

/**
 * The environment variables that Godwit reads.
 *
 * @param variables all of them, by name
 */
public record Environment(Map<String, String> variables) {
    /** The socket of the agent to talk to. */
    public static final String AGENT = "GODWIT_AGENT";

    /** Anything but empty or 0: show the stack trace of a failure. */
    public static final String DEBUG = "GODWIT_DEBUG";

    private static final Path DEFAULT_SOCKET = Path.of("/run/godwit/api.sock");

    public Environment {
        variables = Map.copyOf(variables);
    }

    /** This process's. */
    public static Environment ofProcess() {
        return new Environment(System.getenv());
    }

    /** {@code $GODWIT_AGENT}, or {@code /run/godwit/api.sock}. */
    public Path agentSocket() {
        String named = text(AGENT);
        return named.isEmpty() ? DEFAULT_SOCKET : Path.of(named);
    }

    /** {@code $XDG_CONFIG_HOME/godwit/secret}, or {@code ~/.config/godwit/secret}. */
    public Path secretFile() {
        return configuration().resolve("secret");
    }

    /** {@code $XDG_CONFIG_HOME/godwit/tls}, or {@code ~/.config/godwit/tls}. */
    public Path tlsDirectory() {
        return configuration().resolve("tls");
    }

    private Path configuration() {
        String configured = text("XDG_CONFIG_HOME");
        if (configured.startsWith("/")) { // others are invalid, says the XDG base directory specification
            return Path.of(configured, "godwit");
        }
        String home = text("HOME");
        return Path.of(home.isEmpty() ? System.getProperty("user.home") : home, ".config", "godwit");
    }

    public boolean debug() {
        return isOn(DEBUG);
    }

    /** Whether colours are unwelcome ({@code NO_COLOR}, or a terminal that has none). */
    public boolean noColor() {
        return !text("NO_COLOR").isEmpty() || text("TERM").equals("dumb");
    }

    private boolean isOn(String name) {
        return !text(name).isEmpty() && !text(name).equals("0");
    }

    private String text(String name) {
        return variables.getOrDefault(name, "");
    }
}
