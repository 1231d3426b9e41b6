package dev.godwit.agent.migration;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.host.memory.PageSet;
import dev.godwit.host.tracking.DirtyTracker;
import java.lang.foreign.Arena;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Made-up guests, a made-up clock. */
class WriteRateTest {
    private static final long MILLI = 1_000_000;
    private static final long PAGES = 1 << 18;
    private static final long MANY = 1 << 22;
    private static final long WORKING_SET = 1 << 14;
    /** What it takes to send the working set. */
    private static final long NEXT = 500 * MILLI;

    private final Arena arena = Arena.ofConfined();
    private final Log log = new Log(PAGES);
    private final PageSet seen = new PageSet(arena, PAGES);
    private final PageSet written = new PageSet(arena, PAGES);
    private final WriteRate rate = new WriteRate(arena, log, PAGES);

    /** Of writes that the test makes up. */
    private final class Log implements DirtyTracker {
        private final PageSet dirty;
        private long protectedAgain;

        Log(long pages) {
            dirty = new PageSet(arena, pages);
        }

        @Override
        public void start() {
            dirty.clear();
        }

        @Override
        public long collect(PageSet into) {
            throw new AssertionError("the whole log, which costs the guest a fault at each page");
        }

        @Override
        public boolean peek(PageSet into) {
            into.addAll(dirty);
            return true;
        }

        @Override
        public void collectOf(PageSet which, PageSet into) {
            long pages = which.pages();
            for (long page = which.next(0, pages); page < pages; page = which.next(page + 1, pages)) {
                if (dirty.contains(page)) {
                    dirty.remove(page);
                    into.add(page);
                    protectedAgain++;
                }
            }
        }

        @Override
        public void stop() {
            dirty.clear();
        }

        @Override
        public String name() {
            return "made-up log";
        }
    }

    @BeforeEach
    void begin() {
        rate.begin(0);
    }

    @AfterEach
    void close() {
        arena.close();
    }

    private void look(long now, long left) {
        peek();
        rate.look(now, seen, written, left, NEXT);
    }

    private void end(long now) {
        peek();
        rate.end(now, seen, written);
    }

    private void peek() {
        seen.clear();
        log.peek(seen);
        written.addAll(seen);
    }

    /** Pages that another round, of {@link #NEXT}, would leave. */
    private long again() {
        return again(rate);
    }

    private static long again(WriteRate rate) {
        return Math.round(rate.perSecond() * NEXT / 1e9);
    }

    private void assertNear(long pages, int percent) {
        assertTrue(Math.abs(again() - pages) <= pages * percent / 100, again() + " and not " + pages);
    }

    @Test
    void aWorkingSetThatIsWrittenAllTheTimeIsLeftAsItIsHoweverLongTheRoundWas() {
        log.dirty.addRange(1000, WORKING_SET);
        for (long now = 0; now < 8000 * MILLI; now += 10 * MILLI) {
            look(now, 8000 * MILLI - now);
            // Until all of it has been written once more.
            log.dirty.addRange(1000, WORKING_SET);
        }
        end(8000 * MILLI);
        assertNear(WORKING_SET, 3);
        assertEquals(WORKING_SET / 16, log.protectedAgain, "pages that cost the guest a fault");
    }

    /** By then the round still takes half as long again: what is written after that is not of the next one's time. */
    @Test
    void itIsMeasuredForAsLongAsTheNextRoundTakes() {
        log.dirty.addRange(0, WORKING_SET);
        look(0, NEXT);
        long half = WORKING_SET / 2;
        log.dirty.addRange(0, half);
        look(NEXT, NEXT / 2);
        log.dirty.addRange(0, WORKING_SET);
        end(NEXT * 3 / 2);
        assertNear(half, 3);
    }

    @Test
    void whatIsWrittenOnceIsNotWrittenAgain() {
        log.dirty.addRange(0, WORKING_SET);
        look(0, NEXT);
        end(NEXT);
        assertEquals(0, again());
    }

    @Test
    void pagesThatAreNewCountAsTheyAre() {
        log.dirty.addRange(0, WORKING_SET);
        look(0, NEXT);
        log.dirty.addRange(WORKING_SET, 3000);
        end(NEXT / 2);
        assertEquals(6000, again());
    }

    /** Of 16 GiB, every 16th page or one or two in each large page, of which the guest writes about half again. */
    @ParameterizedTest
    @ValueSource(ints = {16, 512, 1024})
    void aStrideOfTheGuestsIsSeen(int stride) {
        Random random = Chance.random("aStrideOfTheGuestsIsSeen");
        long estimated = 0;
        long all = 0;
        for (int turn = 0; turn < 16; turn++) {
            PageSet first = new PageSet(arena, MANY);
            PageSet second = new PageSet(arena, MANY);
            for (long page = random.nextInt(stride); page < MANY; page += stride) {
                first.add(page);
                if (random.nextBoolean()) {
                    second.add(page);
                }
            }
            Log strided = new Log(MANY);
            strided.dirty.addAll(first);
            WriteRate own = new WriteRate(arena, strided, MANY);
            own.begin(0);
            own.look(0, first, first, 0, NEXT);
            assertTrue(strided.protectedAgain * 20 >= first.cardinality(), strided.protectedAgain + " are no sample");
            strided.dirty.addAll(second);
            own.end(NEXT, strided.dirty, first);
            estimated += again(own);
            all += second.cardinality();
        }
        assertTrue(Math.abs(estimated - all) <= all / 8, estimated + " and not " + all);
    }

    @Test
    void ofFewPagesAllAreLookedAt() {
        log.dirty.addRange(7, 100);
        look(0, NEXT);
        assertEquals(100, log.protectedAgain);
        log.dirty.addRange(7, 33);
        end(NEXT);
        assertEquals(33, again());
    }

    /** Too short to look, or with a tracker that only collects: over all of it. */
    @Test
    void aRoundWithoutALookIsMeasuredAsAWhole() {
        log.dirty.addRange(0, 100);
        end(NEXT / 2);
        assertEquals(200, again());
        assertEquals(0, log.protectedAgain);
    }
}
