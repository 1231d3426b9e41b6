package dev.godwit.host.tracking;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.memory.PageSize;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
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

    /** A guest that accesses nothing but the pages of its busy chunks, at once; what is asked of it is written down. */
    private static final class Guest implements AccessSampler {
        private final int busyChunks;
        private final List<Integer> smallLooks = new ArrayList<>();
        private final int[] looksAt = new int[CHUNKS];

        Guest(int busyChunks) {
            this.busyChunks = busyChunks;
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
            for (int page = 0; page < (look.small() ? PageSize.SMALL_PER_LARGE : 1); page++) {
                for (int slot = 0; slot < look.count() && look.sightings() < mostFaults; slot++) {
                    if (look.chunk(slot) < busyChunks) {
                        look.seen((long) look.chunk(slot) * PageSize.SMALL_PER_LARGE + page, begin + LOOK_NANOS / 100);
                    }
                }
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
        Guest guest = tracked(0);
        assertTrue(guest.smallLooks.stream().allMatch(count -> count == CHUNKS), guest.smallLooks.toString());
    }

    @Test
    void aBusyOneInPartsAllInTurn() throws InterruptedException {
        Guest guest = tracked(CHUNKS);
        // A quarter of the pages of each is enough.
        int most = 1 + FAULTS * 4 / PageSize.SMALL_PER_LARGE;
        assertTrue(guest.smallLooks.stream().allMatch(count -> count <= most), guest.smallLooks.toString());
        for (int chunk = 0; chunk < CHUNKS; chunk++) {
            assertTrue(guest.looksAt[chunk] > 0, "chunk " + chunk + " was never looked at");
        }
    }

    @Test
    void whatIsBusyIsLookedAtMoreOftenThanWhatIsNot() throws InterruptedException {
        Guest guest = tracked(8);
        int busy =
                IntStream.range(0, 8).map(chunk -> guest.looksAt[chunk]).min().orElseThrow();
        int idle = IntStream.range(8, CHUNKS)
                .map(chunk -> guest.looksAt[chunk])
                .max()
                .orElseThrow();
        assertTrue(busy > idle && idle > 0, Arrays.toString(guest.looksAt));
    }

    private static Guest tracked(int busyChunks) throws InterruptedException {
        Guest guest = new Guest(busyChunks);
        try (GuestMemory memory = GuestMemory.allocate(CHUNKS * (long) PageSize.LARGE, LargePages.THP)) {
            memory.segment().fill((byte) 1);
            // A hundred times as many vCPU seconds as there are: allowance for a look at any time.
            try (AccessTracker tracker = new AccessTracker(
                    memory,
                    guest,
                    1,
                    () -> System.nanoTime() * 100,
                    new AccessTracking(0.5, Duration.ofHours(1)),
                    () -> true)) {
                tracker.start();
                assertTrue(
                        tracker.awaitLooks(LOOKS, Duration.ofSeconds(100)), tracker.cost() + " " + tracker.problem());
                tracker.stop();
            }
        }
        return guest;
    }
}
