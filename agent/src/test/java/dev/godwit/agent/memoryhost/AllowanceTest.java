package dev.godwit.agent.memoryhost;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.UUID;
import org.junit.jupiter.api.Test;

class AllowanceTest {
    private static final long MIB = 1 << 20;
    private static final long PER_MIB = 256;

    /** 64 MiB on its own host: on its way are 8. */
    private static final RemoteConfig CONFIG = new RemoteConfig("127.0.0.1", 9, UUID.randomUUID(), 64 * MIB);

    private final Pot pot = new Pot(0);

    private Allowance of(long mib) {
        return new Allowance(CONFIG, mib * PER_MIB, pot);
    }

    @Test
    void isWhatWasGivenAndWhatIsOnItsWay() {
        Allowance allowance = of(1024);
        assertEquals(64 * PER_MIB, allowance.given());
        assertEquals(8 * PER_MIB, allowance.batch());
        assertEquals((64 + 24) * PER_MIB, allowance.bound());
        assertEquals((64 + 24 + 2) * PER_MIB, allowance.most());
        assertEquals((64 + 24 + 2) * MIB, CONFIG.hostBytes(1024 * MIB));
    }

    @Test
    void isNoMoreThanAllThereIs() {
        assertEquals(66 * MIB, CONFIG.hostBytes(66 * MIB));
        assertEquals(66 * PER_MIB, of(66).most());
    }

    @Test
    void growsByStepsAsLongAsTheHostHasRoom() {
        Allowance allowance = of(1024);
        pot.add(40 * MIB);
        assertTrue(allowance.grow());
        assertTrue(allowance.grow());
        assertFalse(allowance.grow(), "8 MiB are left, and a step is 16");
        assertEquals(8 * MIB, pot.left());
        assertEquals((88 + 32) * PER_MIB, allowance.bound());
        assertEquals((90 + 32) * PER_MIB, allowance.most(), "what it was promised, and what was lent");
    }

    @Test
    void takesNothingForWhatFitsAnyway() {
        Allowance allowance = of(1024);
        assertTrue(allowance.growTo(90 * PER_MIB), "that much it may have");
        assertFalse(allowance.growTo(91 * PER_MIB));
        pot.add(4 * MIB);
        assertTrue(allowance.growTo(91 * PER_MIB));
        assertEquals(MIB, pot.left());
        assertEquals(91 * PER_MIB, allowance.bound(), "it does not wait for more at once");
    }

    @Test
    void neverTakesMoreThanTheRest() {
        Allowance allowance = of(100);
        pot.add(13 * MIB);
        assertTrue(allowance.grow());
        assertTrue(allowance.grow());
        assertTrue(allowance.grow(), "it may have all there is");
        assertEquals(MIB, pot.left());
    }

    @Test
    void shrinksAsPagesLeaveAndNotBelowTheUsual() {
        Allowance allowance = of(1024);
        pot.add(1024 * MIB);
        assertTrue(allowance.growTo(590 * PER_MIB));
        assertEquals(590 * PER_MIB, allowance.bound());
        assertTrue(allowance.shrinkTo(500 * PER_MIB));
        assertEquals(524 * PER_MIB, allowance.bound(), "three batches above what it has");
        assertFalse(allowance.shrinkTo(550 * PER_MIB), "it is not more than before");
        assertTrue(allowance.shrinkTo(10 * PER_MIB));
        assertEquals(88 * PER_MIB, allowance.bound());
        assertFalse(allowance.shrinkTo(10 * PER_MIB));
    }
}
