package dev.godwit.perf.scenario;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.godwit.images.GuestPace;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class GuestDipTest {
    private static final double EXACT = 1e-9;

    @Test
    void aStopOfHalfTheTimeIsAllOfThat() {
        GuestPace before = new GuestPace(20_000, Collections.nCopies(10, 100L));
        GuestPace during = new GuestPace(20_000, List.of(100L, 0L, 0L, 80L, 100L, 95L));
        GuestDip dip = GuestDip.of(before, during).orElseThrow();
        assertEquals(1, dip.depth(), EXACT);
        assertEquals(60, dip.lengthMillis(), EXACT);
        assertEquals(20 * (1 + 1 + 0.2 + 0.05), dip.lostMillis(), EXACT);
    }

    @Test
    void binsOfDifferentWidthCompare() {
        GuestPace before = new GuestPace(2000, Collections.nCopies(100, 10L));
        GuestPace during = new GuestPace(40_000, List.of(200L, 100L, 400L));
        GuestDip dip = GuestDip.of(before, during).orElseThrow();
        assertEquals(0.5, dip.depth(), EXACT);
        assertEquals(40, dip.lengthMillis(), EXACT);
        assertEquals(20, dip.lostMillis(), EXACT, "more work elsewhere makes up for nothing");
    }

    @Test
    void anIdleGuestHasNone() {
        GuestPace idle = new GuestPace(2000, Collections.nCopies(100, 0L));
        assertEquals(Optional.empty(), GuestDip.of(idle, idle));
        assertEquals(Optional.empty(), GuestDip.of(new GuestPace(2000, List.of()), idle));
    }

    @Test
    void workIsThatOfTheLastBins() {
        GuestPace pace = new GuestPace(300_000, List.of(9L, 9L, 1L, 2L, 3L, 4L));
        assertEquals(10 / 1.2, GuestDip.workInLast(Duration.ofSeconds(1), pace), EXACT);
        assertEquals(28 / 1.8, GuestDip.workInLast(Duration.ofSeconds(100), pace), EXACT);
        assertEquals(0, GuestDip.workInLast(Duration.ofSeconds(1), new GuestPace(2000, List.of())), EXACT);
    }

    @Test
    void agreesWithASlowCountOnRandomPaces() {
        long seed = System.nanoTime();
        SplittableRandom random = new SplittableRandom(seed);
        for (int round = 0; round < 200; round++) {
            long bin = random.nextLong(500, 50_000);
            List<Long> work =
                    random.longs(1 + random.nextInt(300), 0, 1000).boxed().toList();
            GuestPace before = new GuestPace(1000, Collections.nCopies(500, 7L));
            long bins = Math.min(work.size(), (20_000 + bin - 1) / bin);
            List<Double> shares = new ArrayList<>();
            for (int i = 0; i + bins <= work.size(); i += (int) bins) {
                double sum = 0;
                for (int j = 0; j < bins; j++) {
                    sum += work.get(i + j);
                }
                shares.add(sum / (bins * bin * 0.007));
            }
            double lost = 0;
            double length = 0;
            for (double share : shares) {
                lost += share < 1 ? (1 - share) * bins * bin / 1000 : 0;
                length += share < 0.9 ? bins * bin / 1000.0 : 0;
            }
            GuestDip dip = GuestDip.of(before, new GuestPace(bin, work)).orElseThrow();
            String where = "seed " + seed + ", round " + round;
            assertEquals(1 - Math.min(1, Collections.min(shares)), dip.depth(), 1e-6, where);
            assertEquals(length, dip.lengthMillis(), 1e-6, where);
            assertEquals(lost, dip.lostMillis(), 1e-6 * (1 + lost), where);
        }
    }
}
