package dev.godwit.host.tracking;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.memory.PageSize;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Where a tracker looks, by what it has seen. */
@Timeout(120)
class AccessTrackerTest {
    private static final int CHUNKS = 48;
    private static final int LOOKS = 30;
    private static final long LOOK_NANOS = 20_000_000;
    private static final long FAULT_NANOS = 10_000_000;
    /** More than what may be saved up is enough for, at half of the time. */
    private static final int FAULTS = 400;

    /** A guest that accesses so many pages of what is looked at, evenly; what is asked of it is written down. */
    private static final class Guest implements AccessSampler {
        private final boolean busy;
        private final List<Integer> smallLooks = new ArrayList<>();
        private final int[] looksAt = new int[CHUNKS];

        Guest(boolean busy) {
            this.busy = busy;
        }

        @Override
        public String name() {
            return "test";
        }

        @Override
        public long sample(Look look, int mostFaults, long mostNanos) {
            long end = System.nanoTime();
            long begin = end - LOOK_NANOS;
            for (int slot = 0; slot < look.count(); slot++) {
                look.armed(slot, begin);
                looksAt[look.chunk(slot)] += look.small() ? 1 : 0;
            }
            for (int i = 0; busy && i < mostFaults; i++) {
                long page = (long) look.chunk(i % look.count()) * PageSize.SMALL_PER_LARGE + i / look.count();
                look.seen(page, begin + LOOK_NANOS / 100);
            }
            if (look.small()) {
                smallLooks.add(look.count());
            }
            look.end(end);
            return 1;
        }

        @Override
        public boolean splitsLargePages() {
            return false;
        }

        @Override
        public long faultNanos() {
            return FAULT_NANOS;
        }

        @Override
        public void close() {
            // Nothing is kept.
        }
    }

    @Test
    void aGuestThatAccessesLittleIsLookedAtAsAWhole() throws InterruptedException {
        Guest guest = tracked(false);
        assertTrue(guest.smallLooks.stream().allMatch(count -> count == CHUNKS), guest.smallLooks.toString());
    }

    @Test
    void aBusyOneInPartsAllInTurn() throws InterruptedException {
        Guest guest = tracked(true);
        // A quarter of the pages of each is enough.
        assertTrue(
                guest.smallLooks.stream().allMatch(count -> count <= 1 + FAULTS * 4 / PageSize.SMALL_PER_LARGE),
                guest.smallLooks.toString());
        for (int chunk = 0; chunk < CHUNKS; chunk++) {
            assertTrue(guest.looksAt[chunk] > 0, "chunk " + chunk + " was never looked at");
        }
    }

    private static Guest tracked(boolean busy) throws InterruptedException {
        Guest guest = new Guest(busy);
        try (GuestMemory memory = GuestMemory.allocate(CHUNKS * (long) PageSize.LARGE, LargePages.THP)) {
            memory.segment().fill((byte) 1);
            // A hundred times as many vCPU seconds as there are: allowance for a look at any time.
            try (AccessTracker tracker = new AccessTracker(
                    memory, guest, 1, () -> System.nanoTime() * 100, 0.5, Duration.ofHours(1), () -> true)) {
                tracker.start();
                assertTrue(
                        tracker.awaitLooks(LOOKS, Duration.ofSeconds(100)), tracker.cost() + " " + tracker.problem());
                tracker.stop();
            }
        }
        return guest;
    }
}
