package dev.godwit.agent.inventory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.godwit.agent.config.Failure;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GuestNamesTest {
    private static final String RIGHT = "; use 1 to 63 of a-z, 0-9, '_', '.' and '-', the first a letter or digit";

    @ParameterizedTest
    @ValueSource(
            strings = {"a", "0", "web-1.example_x", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"})
    void takes(String name) {
        assertEquals(name, GuestNames.check(name));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "-a", ".a", "A", "a/b", "..", "a b", "ä", "a\n"})
    void refuses(String name) {
        Failure e = assertThrows(Failure.class, () -> GuestNames.check(name));
        assertEquals("'" + name.replace('\n', '?') + "' is no name for a guest" + RIGHT, e.getMessage());
    }

    @Test
    void refusesNoneAndTooMuch() {
        assertEquals(
                "a guest needs a name" + RIGHT,
                assertThrows(Failure.class, () -> GuestNames.check(null)).getMessage());
        assertThrows(Failure.class, () -> GuestNames.check("a".repeat(64)));
    }
}
