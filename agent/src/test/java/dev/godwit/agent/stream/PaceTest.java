package dev.godwit.agent.stream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.migration.Chance;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The arithmetic of a limit, by a clock of the test's. */
class PaceTest {
    private static final long SECOND = 1_000_000_000;
    private static final long MILLI = 1_000_000;
    /** Any; a clock of nanoseconds may well be negative. */
    private static final long START = -3 * SECOND;

    /** What went when. */
    private record Sent(long at, long bytes) {}

    @ParameterizedTest
    @ValueSource(longs = {512 << 10, 7_000_003, 125_000_000, 1_250_000_000, 99_999_999_999L})
    void noSecondHasFivePerCentMoreAndAllOfThemTogetherHaveNone(long rate) {
        Random random = Chance.random("noSecondHasFivePerCentMore");
        Pace pace = new Pace(rate, START);
        List<Sent> all = new ArrayList<>();
        long now = START;
        while (now < START + 5 * SECOND) {
            boolean urgent = random.nextInt(3) == 0;
            long bytes = 1 + random.nextLong(Math.min(pace.turnBytes(), 2 << 20));
            now += pace.waitNanos(urgent, false, now) + random.nextInt(100_000);
            if (random.nextInt(2000) == 0) {
                now += random.nextLong(100 * MILLI); // a sender that has nothing to send, or is not let run
            }
            pace.book(bytes, urgent, now);
            all.add(new Sent(now, bytes));
        }
        int from = 0;
        long within = 0;
        long worst = 0;
        for (Sent sent : all) {
            within += sent.bytes;
            while (all.get(from).at <= sent.at - SECOND) {
                within -= all.get(from++).bytes;
            }
            worst = Math.max(worst, within);
        }
        assertTrue(worst <= rate * 1.05, worst + " bytes in a second at a limit of " + rate);
    }

    @ParameterizedTest
    @ValueSource(longs = {3, 1_000_003, 125_000_000, 999_999_999_989L})
    void nothingIsLostToRounding(long rate) {
        Pace pace = new Pace(rate, START);
        long now = START;
        long bytes = 0;
        for (int i = 0; i < 100_000; i++) {
            now += pace.waitNanos(false, false, now);
            pace.book(37, false, now);
            bytes += 37;
        }
        // All but the last is paid for, to the nanosecond.
        assertEquals((bytes - 37) * SECOND / rate, now - START);
    }

    @Test
    void idleTimeIsMadeUpForALittleOnly() {
        Pace pace = new Pace(1_000_000, START);
        long now = START + 60 * SECOND;
        for (int i = 0; i < 2; i++) {
            assertEquals(0, pace.waitNanos(false, false, now));
            pace.book(10_000, false, now);
        }
        assertEquals(0, pace.waitNanos(false, false, now));
        pace.book(10_000, false, now);
        assertEquals(10 * MILLI, pace.waitNanos(false, false, now));
    }

    @Test
    void urgentBytesGoAtOnceWhileLittleIsOwedAndAllIsCounted() {
        Pace pace = new Pace(1_000_000, START);
        pace.book(1_000, false, START);
        assertEquals(MILLI, pace.waitNanos(false, false, START));
        assertEquals(0, pace.waitNanos(true, false, START));
        pace.book(1_000, true, START);
        assertEquals(0, pace.waitNanos(true, false, START));
        pace.book(1_000, true, START);
        assertEquals(MILLI, pace.waitNanos(true, false, START));
        assertEquals(3 * MILLI, pace.waitNanos(false, false, START));
    }

    @Test
    void urgentBytesGoFirstAndOthersHaveATurnAllTheSame() {
        Pace pace = new Pace(1_000_000_000, START);
        long turn = pace.turnBytes();
        long now = START;
        int urgent = 0;
        int others = 0;
        for (int i = 0; i < 400; i++) {
            // Both wait all the time, and take their turn at once.
            long urgentWaits = pace.waitNanos(true, true, now);
            long othersWait = pace.waitNanos(false, true, now);
            assertTrue((urgentWaits == othersWait + MILLI) != (othersWait == Pace.AFTER_OTHERS));
            boolean itIsUrgent = urgentWaits < othersWait;
            now += Math.min(urgentWaits, othersWait);
            pace.book(turn, itIsUrgent, now);
            urgent += itIsUrgent ? 1 : 0;
            others += itIsUrgent ? 0 : 1;
        }
        assertEquals(343, urgent);
        assertEquals(57, others);
    }

    @Test
    void aTurnThatOthersDoNotTakePasses() {
        Pace pace = new Pace(1_000_000_000, START);
        for (int i = 0; i < 6; i++) {
            pace.book(pace.turnBytes(), true, START);
        }
        long due = pace.waitNanos(false, true, START);
        assertEquals(due + MILLI, pace.waitNanos(true, true, START));
        long now = START + due + MILLI;
        assertEquals(0, pace.waitNanos(true, true, now));
        pace.book(1_000_000, true, now);
        assertEquals(0, pace.waitNanos(false, true, now), "idle time is made up for");
        assertEquals(MILLI, pace.waitNanos(true, true, now), "it is still theirs");
    }
}
