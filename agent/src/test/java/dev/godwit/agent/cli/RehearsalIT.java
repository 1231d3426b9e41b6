package dev.godwit.agent.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Only the launcher's build runs it, and would go on without what it cannot rehearse. */
@Tag("kvm")
class RehearsalIT {
    @Test
    void aGuestMigratesInEveryMode() {
        assertEquals(List.of(), Rehearsal.migrate());
    }
}
