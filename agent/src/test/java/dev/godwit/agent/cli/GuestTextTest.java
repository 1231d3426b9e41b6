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

    @Test
    void oneThatHasEndedAtOnceSaysWhyOrWhereThatMayBeSaid() {
        assertEquals("guest web is running", GuestText.begun(guest("running", 8L << 20, null, null, null, null, null)));
        assertEquals(
                "guest web is stopped (exit 3); what it wrote: godwit logs web",
                GuestText.begun(guest("stopped", null, "exit", 3, null, null, null)));
        assertEquals(
                "guest web is stopped (pages-lost): chunk 3 is damaged",
                GuestText.begun(guest("stopped", null, "pages-lost", null, "chunk 3 is damaged", null, null)));
    }

    private static RemoteStatus away(long millis) {
        return new RemoteStatus("m:7000", millis, 1, 1, 1, 0, false, false);
    }

    private static GuestView guest(String state, String target, RemoteStatus memoryHost) {
        return guest(state, null, null, null, null, target, memoryHost);
    }

    private static GuestView guest(
            String state,
            Long elsewhere,
            String reason,
            Integer exit,
            String detail,
            String target,
            RemoteStatus memoryHost) {
        return new GuestView(
                "web",
                "dirtier",
                state,
                reason,
                exit,
                detail,
                1 << 20,
                elsewhere,
                elsewhere == null ? null : true,
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
