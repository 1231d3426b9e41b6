package dev.godwit.perf.peer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.config.Failure;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class QemuTest {
    @ParameterizedTest
    @ValueSource(strings = {"/no/such/qemu", "/proc/self", "true"})
    void whatIsNoQemuIsSaidOnOneLine(String program) {
        Failure failure = assertThrows(Failure.class, () -> Qemu.find(program));
        assertEquals(Failure.Kind.NOT_CAPABLE, failure.kind());
        assertTrue(
                failure.getMessage().contains(program) && failure.getMessage().contains("--qemu PATH"));
        assertFalse(failure.getMessage().contains("\n"), failure.getMessage());
    }
}
