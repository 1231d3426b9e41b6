package dev.godwit.agent.migration;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class SwitchoverCostTest {
    private static final long MILLI = 1_000_000;
    private static final Duration RESTORE = Duration.ofMillis(100);
    private static final Duration BUDGET = Duration.ofMillis(300);

    @BeforeEach
    void aSlowHost() {
        measure(700 * MILLI);
    }

    /** For whatever test comes next in this process. */
    @AfterEach
    void aQuickHost() {
        measure(2 * MILLI);
    }

    /** What was before counts half each time. */
    private static void measure(long nanos) {
        for (int i = 0; i < 64; i++) {
            SwitchoverCost.saved(nanos);
        }
    }

    private static long plannedMillis() {
        return SwitchoverCost.planned(RESTORE).plusNanos(MILLI / 2).toMillis();
    }

    @Test
    void whatIsRefusedIsTriedAgain() {
        assertEquals(800, plannedMillis());
        SwitchoverCost.refused(BUDGET);
        assertEquals(400, plannedMillis());
        SwitchoverCost.refused(BUDGET);
        assertEquals(200, plannedMillis());
    }

    @Test
    void noLessIsPlannedThanBeforeAnythingWasMeasured() {
        for (int i = 0; i < 200; i++) {
            SwitchoverCost.refused(BUDGET);
            assertTrue(plannedMillis() >= 20, i + " times refused");
        }
        assertEquals(20, plannedMillis());
        aQuickHost();
        SwitchoverCost.refused(BUDGET);
        assertEquals(
                2, SwitchoverCost.planned(Duration.ZERO).plusNanos(MILLI / 2).toMillis(), "less was measured");
    }

    @Test
    void aBudgetThatNothingMeetsSaysNothing() {
        SwitchoverCost.refused(Duration.ofMillis(1));
        SwitchoverCost.refused(Duration.ofMillis(20));
        assertEquals(800, plannedMillis());
    }

    @Test
    void aMeasurementCountsWhateverWasRefusedBefore() {
        SwitchoverCost.refused(BUDGET);
        SwitchoverCost.refused(BUDGET);
        SwitchoverCost.saved(700 * MILLI);
        assertEquals(800, plannedMillis());
    }
}
