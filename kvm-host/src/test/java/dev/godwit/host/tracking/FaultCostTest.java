package dev.godwit.host.tracking;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class FaultCostTest {
    private static final int FAULTS = 100;
    private static final long FIRST_GUESS = 10_000;

    private final FaultCost cost = new FaultCost(FIRST_GUESS, 500, 40_000);

    private long burst(long from, long gap) {
        for (int i = 0; i < FAULTS; i++) {
            cost.fault(from + i * gap);
        }
        return from + (FAULTS - 1) * gap;
    }

    @Test
    void aBurstIsChargedTheTimeThatItTook() {
        cost.from(1000);
        burst(1000 + 7000, 7000);
        assertEquals(FAULTS * 7000, cost.takeCharged());
        assertEquals(0, cost.takeCharged(), "once");
        cost.update();
        assertEquals((FIRST_GUESS + 7000) / 2, cost.nanos());
    }

    @Test
    void faultsThatComeAloneAreChargedTwiceABurstsFault() {
        burst(5_000_000, 1_000_000);
        assertEquals(FAULTS * 2 * FIRST_GUESS, cost.takeCharged());
        cost.fault(5_000_000 + FAULTS * 1_000_000L);
        cost.fault(5_000_000 + FAULTS * 1_000_000L + 14_000);
        cost.update();
        assertEquals((FIRST_GUESS + 14_000) / 2, cost.nanos(), "the shortest: there was no burst");
    }

    @Test
    void eachVcpuHasATimeOfItsOwn() {
        cost.from(0);
        long last = burst(1_000_000, 5000);
        cost.from(0);
        burst(1_002_000, 5000);
        cost.from(last);
        cost.fault(last + 6000);
        assertEquals(2 * (FAULTS - 1) * 5000 + 2 * 2 * FIRST_GUESS + 6000, cost.takeCharged());
    }
}
