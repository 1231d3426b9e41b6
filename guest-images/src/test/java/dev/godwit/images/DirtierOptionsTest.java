package dev.godwit.images;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.images.DirtierOptions.Pattern;
import org.junit.jupiter.api.Test;

class DirtierOptionsTest {
    @Test
    void defaultsAreWrittenOut() {
        assertEquals(
                "ws=67108864 cold=0 rate=max pattern=seq cpus=1 seed=1 sweep=4096",
                DirtierOptions.DEFAULT.commandLine());
    }

    @Test
    void everyOptionReachesTheCommandLine() {
        DirtierOptions options = DirtierOptions.DEFAULT
                .withWorkingSet(4096)
                .withCold(DirtierOptions.ALL)
                .withRate(1000)
                .withPattern(Pattern.HOTCOLD)
                .withSeconds(5)
                .withWrites(6)
                .withIdle(true)
                .withCpus(2)
                .withTscKhz(2600000)
                .withSeed(7)
                .withSweep(0);
        assertEquals(
                "ws=4096 cold=all rate=1000 pattern=hotcold cpus=2 seed=7 sweep=0"
                        + " seconds=5 writes=6 tsc_khz=2600000 idle=1",
                options.commandLine());
    }

    @Test
    void whatAPatternNeedsReachesTheCommandLine() {
        DirtierOptions options =
                DirtierOptions.DEFAULT.withReads(95).withCluster(64).withMove(7);
        String zipf = options.withPattern(Pattern.ZIPF).commandLine();
        assertTrue(zipf.contains("pattern=zipf ") && zipf.endsWith(" reads=95 cluster=64"), zipf);
        String moving = options.withPattern(Pattern.MOVING).commandLine();
        assertTrue(moving.contains("pattern=moving ") && moving.endsWith(" reads=95 move=7"), moving);
        assertTrue(options.withPattern(Pattern.READHOT).commandLine().endsWith(" reads=95"));
    }

    @Test
    void valuesOutOfRangeAreRefusedByName() {
        DirtierOptions options = DirtierOptions.DEFAULT;
        assertEquals(
                "rate=-1 is less than 0",
                assertThrows(IllegalArgumentException.class, () -> options.withRate(-1))
                        .getMessage());
        assertThrows(IllegalArgumentException.class, () -> options.withReads(101));
        assertThrows(IllegalArgumentException.class, () -> options.withCluster(0));
        assertThrows(IllegalArgumentException.class, () -> options.withCpus(0));
        assertThrows(IllegalArgumentException.class, () -> options.withCpus(65));
        assertThrows(IllegalArgumentException.class, () -> options.withWorkingSet(-2));
    }
}
