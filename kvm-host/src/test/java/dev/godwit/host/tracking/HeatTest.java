package dev.godwit.host.tracking;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.host.memory.PageSet;
import java.lang.foreign.Arena;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Heat in two bytes a page, against the same sums kept exactly. */
class HeatTest {
    private static final long SEED = Long.getLong("godwit.test.seed", System.nanoTime());
    private static final long SECOND = 1_000_000_000L;
    private static final int PAGES = 700;
    private static final int FIRST_REGION = 512;

    private final Random random = new Random(SEED);
    private Arena arena;

    @BeforeEach
    void open() {
        arena = Arena.ofConfined();
    }

    @AfterEach
    void close() {
        arena.close();
    }

    @ParameterizedTest
    @ValueSource(longs = {3, 60, 100_000})
    void agreesWithExactSums(long halfLifeSeconds) {
        Heat heat = new Heat(arena, PAGES, halfLifeSeconds * SECOND, 0);
        double[] seen = new double[PAGES];
        double[] looks = new double[2];
        double[] seconds = new double[2];
        double now = 0;
        for (int round = 0; round < 400; round++) {
            double pause = random.nextDouble() * 0.4;
            now += pause;
            double decay = Math.pow(0.5, pause / halfLifeSeconds);
            scale(seen, decay);
            scale(looks, decay);
            scale(seconds, decay);
            heat.at((long) (now * SECOND));
            int region = random.nextInt(2);
            long nanos = random.nextLong(1_000_000, 21_000_000);
            heat.looked(region, nanos);
            looks[region]++;
            seconds[region] += nanos / 1e9;
            for (int page = region * FIRST_REGION; page < Math.min(PAGES, (region + 1) * FIRST_REGION); page++) {
                if (random.nextInt(PAGES) < page) {
                    heat.seen(page);
                    seen[page]++;
                }
            }
        }
        HeatMap map = new HeatMap(PAGES);
        heat.levels(map);
        for (int page = 0; page < PAGES; page++) {
            assertEquals(HeatMap.levelOf(heat.rate(page)), map.level(page), "page " + page + ", seed " + SEED);
            int region = page / FIRST_REGION;
            double hits = Math.min(seen[page] / (looks[region] + 0.5), 1 - 0.25 / (looks[region] + 1));
            // Compared as the share of looks that saw it: near 1 a rate is a large number of little meaning.
            double found = -Math.expm1(-heat.rate(page) * seconds[region] / looks[region]);
            assertEquals(hits, found, 0.03, "page " + page + ", seed " + SEED);
        }
    }

    private static void scale(double[] values, double factor) {
        for (int i = 0; i < values.length; i++) {
            values[i] *= factor;
        }
    }

    @ParameterizedTest
    @CsvSource({"10, 100", "100, 10"})
    void anotherHalfLifeHoldsFromThenOn(long before, long after) {
        Heat heat = new Heat(arena, PAGES, before * SECOND, 0);
        heat.at(before * SECOND);
        for (int i = 0; i < 100; i++) {
            heat.looked(0, SECOND);
            heat.seen(7);
        }
        double rate = heat.rate(7);
        heat.halfLife(after * SECOND, before * SECOND);
        assertEquals(rate, heat.rate(7));
        heat.at((before + after) * SECOND);
        for (int i = 0; i < 100; i++) {
            heat.looked(0, SECOND);
        }
        // What was seen one half-life ago counts half: a third of the looks saw it.
        assertEquals(1 / 3.0, -Math.expm1(-heat.rate(7)), 0.02);
    }

    @Test
    void findsTheRateOfRandomAccesses() {
        Heat heat = new Heat(arena, PAGES, 3600 * SECOND, 0);
        double[] rates = {0.5, 5, 50, 500};
        long look = 10_000_000;
        int looks = 4000;
        for (int i = 0; i < looks; i++) {
            heat.at(i * look);
            heat.looked(0, look);
            for (int page = 0; page < rates.length; page++) {
                if (random.nextDouble() < 1 - Math.exp(-rates[page] * look / 1e9)) {
                    heat.seen(page);
                }
            }
        }
        for (int page = 0; page < rates.length; page++) {
            // Six standard deviations of the estimate, and the logarithm's own noise.
            double p = 1 - Math.exp(-rates[page] * look / 1e9);
            double tolerance = 6 * Math.sqrt(p / (1 - p) / looks) / (look / 1e9) + 0.05 * rates[page];
            assertEquals(rates[page], heat.rate(page), tolerance, "page " + page + ", seed " + SEED);
        }
    }

    @Test
    void whatWasOnceHotCoolsDown() {
        Heat heat = new Heat(arena, PAGES, SECOND, 0);
        for (int i = 0; i < 100; i++) {
            heat.looked(0, 1_000_000);
            heat.seen(7);
        }
        double hot = heat.rate(7);
        for (int i = 1; i <= 100; i++) {
            heat.at(i * SECOND);
            heat.looked(0, 1_000_000);
        }
        assertTrue(heat.rate(7) < hot / 1000, hot + " became " + heat.rate(7));
        heat.at(1_000_000 * SECOND);
        heat.looked(0, 1_000_000);
        assertEquals(0, heat.rate(7), 1e-9);
    }

    @Test
    void aRegionStandsForItsPagesUntilTheyAreLookedAt() {
        Heat heat = new Heat(arena, PAGES, SECOND, 0);
        heat.lookedAtWhole(0, true, 1_000_000);
        assertEquals(1000, heat.regionRate(0), 1e-6);
        assertEquals(1000.0 / 512, heat.rate(3), 1e-6);
        assertEquals(0, heat.rate(600));
    }

    @Test
    void writtenPagesAreHotterThanOthers() {
        Heat heat = new Heat(arena, PAGES, SECOND, 0);
        heat.written(9, SECOND);
        assertTrue(heat.rate(9) > heat.rate(10));
        for (int i = 0; i < 10; i++) {
            heat.looked(1, 10_000_000);
        }
        heat.written(600, SECOND);
        assertTrue(heat.rate(600) > 0 && heat.rate(600) < 10, "rate " + heat.rate(600));
    }

    @Test
    void levelsAreAScaleOfRates() {
        assertEquals(0, HeatMap.levelOf(0));
        assertEquals(HeatMap.HOTTEST, HeatMap.levelOf(1e30));
        for (int level = 1; level <= HeatMap.HOTTEST; level++) {
            assertEquals(level, HeatMap.levelOf(HeatMap.rateOf(level)));
        }
        assertEquals(HeatMap.levelOf(1) + HeatMap.STEPS, HeatMap.levelOf(2));
    }

    @Test
    void theHottestAreThoseThatASortWouldGive() {
        HeatMap map = new HeatMap(PAGES);
        long accessed = 0;
        for (int page = 0; page < PAGES; page++) {
            int level = Math.max(0, random.nextInt(20) - 5);
            map.set(page, level);
            accessed += level > 0 ? 1 : 0;
        }
        for (long most : new long[] {0, 1, 50, accessed, PAGES}) {
            PageSet hottest = map.hottest(arena, most);
            assertEquals(Math.min(most, accessed), hottest.cardinality(), "seed " + SEED);
            int least = HeatMap.HOTTEST;
            for (int page = 0; page < PAGES; page++) {
                least = hottest.contains(page) ? Math.min(least, map.level(page)) : least;
            }
            for (int page = 0; page < PAGES; page++) {
                assertTrue(hottest.contains(page) || map.level(page) <= least, "page " + page + ", seed " + SEED);
            }
        }
    }
}
