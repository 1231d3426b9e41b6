package dev.godwit.agent.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;

class EnvironmentTest {
    @Test
    void agentSocket() {
        assertEquals(Path.of("/run/godwit/api.sock"), new Environment(Map.of()).agentSocket());
        assertEquals(Path.of("/run/godwit/api.sock"), new Environment(Map.of("GODWIT_AGENT", "")).agentSocket());
        assertEquals(Path.of("x/api.sock"), new Environment(Map.of("GODWIT_AGENT", "x/api.sock")).agentSocket());
    }

    @Test
    void secretFile() {
        assertEquals(
                Path.of("/c/godwit/secret"),
                new Environment(Map.of("XDG_CONFIG_HOME", "/c", "HOME", "/h")).secretFile());
        assertEquals(
                Path.of("/h/.config/godwit/secret"),
                new Environment(Map.of("XDG_CONFIG_HOME", "relative", "HOME", "/h")).secretFile());
        assertEquals(
                Path.of(System.getProperty("user.home"), ".config/godwit/secret"),
                new Environment(Map.of()).secretFile());
    }

    @Test
    void switches() {
        assertTrue(new Environment(Map.of("GODWIT_DEBUG", "1")).debug());
        assertFalse(new Environment(Map.of("GODWIT_DEBUG", "0")).debug());
        assertFalse(new Environment(Map.of()).debug());
        assertTrue(new Environment(Map.of("NO_COLOR", "1")).noColor());
        assertTrue(new Environment(Map.of("TERM", "dumb")).noColor());
        assertFalse(new Environment(Map.of("TERM", "xterm")).noColor());
    }
}
