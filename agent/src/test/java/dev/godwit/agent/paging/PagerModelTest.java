package dev.godwit.agent.paging;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.migration.Chance;
import dev.godwit.host.memory.PageSize;
import java.util.EnumMap;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Random things happen to a pager, and no page's content is ever lost: {@link PagerModel}. Needs a userfaultfd, no KVM. */
@Tag("kvm")
@Timeout(300)
class PagerModelTest {
    private static final int GUESTS = 8;
    private static final int STEPS = 1500;

    @Test
    void noContentIsEverLost() throws Exception {
        Random random = Chance.random("noContentIsEverLost");
        Map<ModelStep, Integer> counts = new EnumMap<>(ModelStep.class);
        long began = System.nanoTime();
        for (int guest = Chance.times(GUESTS); guest > 0; guest--) {
            // The last chunk is never a large page.
            long pages = (1L + random.nextInt(3)) * PageSize.SMALL_PER_LARGE + random.nextInt(200);
            try (PagerModel model = new PagerModel(random, pages, guest % 3 == 1)) {
                for (int i = 0; i < STEPS; i++) {
                    try {
                        model.step();
                    } catch (AssertionError | TimeoutException e) {
                        throw new AssertionError(
                                "guest " + guest + ", step " + i + " " + model.last() + ": " + e.getMessage(), e);
                    }
                }
                model.comeHome();
                model.leaveForGood();
                model.counts.forEach((step, count) -> counts.merge(step, count, Integer::sum));
            }
        }
        long steps = counts.values().stream().mapToLong(Integer::longValue).sum();
        System.out.printf(
                "%d steps, %d a second: %s%n", steps, steps * 1_000_000_000L / (System.nanoTime() - began), counts);
        for (ModelStep step : ModelStep.values()) {
            assertTrue(counts.containsKey(step), () -> "nothing was done of " + step);
        }
    }
}
