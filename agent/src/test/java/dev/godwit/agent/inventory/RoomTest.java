package dev.godwit.agent.inventory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.migration.GuestDescription;
import dev.godwit.host.machine.MachineConfig;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class RoomTest {
    private static final long GIB = 1L << 30;

    private static Room with(Guest... guests) {
        return new Room(() -> new HostMemory(100 * GIB, 100 * GIB, 0), Optional.empty(), List.of(guests));
    }

    /** A fiftieth is the host's own. */
    @Test
    void lendsWhatNobodyWasPromised() {
        Guest guest = Guest.arriving(new GuestDescription("big", "dirtier", MachineConfig.of(90 * GIB)));
        try (Room room = with(guest)) {
            AtomicInteger taken = new AtomicInteger();
            assertEquals(8 * GIB, room.free());
            assertFalse(room.lend(8 * GIB + 1, taken::incrementAndGet));
            assertEquals(0, taken.get());
            assertTrue(room.lend(8 * GIB, taken::incrementAndGet));
            assertEquals(1, taken.get());
        }
    }
}
