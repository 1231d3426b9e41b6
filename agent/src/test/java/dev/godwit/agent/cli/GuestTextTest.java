package dev.godwit.agent.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.godwit.agent.api.GuestView;
import dev.godwit.agent.memoryhost.RemoteStatus;
import java.util.List;
import org.junit.jupiter.api.Test;

class GuestTextTest {
    @Test
    void oneThatMovesIsWhereItGoesAndMayBeCutOffFromItsMemory() {
        assertEquals("running", GuestText.state(guest("running", null, null)));
        assertEquals("migrating to b:7000", GuestText.state(guest("migrating", "b:7000", null)));
        assertEquals("migrating to b:7000", GuestText.state(guest("migrating", "b:7000", away(0))));
        assertEquals(
                "migrating to b:7000, cut off from its memory host",
                GuestText.state(guest("migrating", "b:7000", away(1500))));
    }

    private static RemoteStatus away(long millis) {
        return new RemoteStatus("m:7000", millis, 1, 1, 1, 0, false, false);
    }

    private static GuestView guest(String state, String target, RemoteStatus memoryHost) {
        return new GuestView(
                "web",
                "dirtier",
                state,
                null,
                null,
                null,
                1 << 20,
                null,
                1,
                "",
                "thp",
                "log",
                null,
                List.of(),
                "2026-11-27T16:00:00Z",
                null,
                null,
                null,
                target,
                memoryHost,
                List.of());
    }
}
