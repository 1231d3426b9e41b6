package dev.godwit.agent.paging;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.host.memory.LargePages;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What counts as a wait for a page, and what does not. */
@Timeout(60)
class FaultTimesTest {
    private static final int PER_CHUNK = PageSize.SMALL_PER_LARGE;
    private static final long MILLI = TimeUnit.MILLISECONDS.toNanos(1);

    private static FaultTimes timesOfTwo() {
        FaultTimes times = new FaultTimes();
        times.tellApart(new int[] {100, 200});
        return times;
    }

    @Test
    void onlyFetchesHaveATime() {
        FaultTimes times = timesOfTwo();
        for (int i = 0; i < 1000; i++) {
            times.resolvedAtOnce();
        }
        times.waiting(7, 1, System.nanoTime() - 5 * MILLI);
        times.waitingForRoom(8, 1);
        assertTrue(times.isWaitedFor(7) && times.isWaitedFor(8));
        times.resolved(0, 100);
        assertFalse(times.anyWaiting());
        assertEquals(1000, times.atOnce());
        assertEquals(1, times.histogram().getTotalCount());
        // Nothing that took no time makes it look shorter.
        assertTrue(times.histogram().getValueAtPercentile(1) >= 4 * MILLI);
    }

    /** The clock does not begin again for who is looked after once more. */
    @Test
    void aWaitIsFromTheFirstNotice() {
        FaultTimes times = timesOfTwo();
        times.waiting(7, 1, System.nanoTime() - 5 * MILLI);
        times.waiting(7, 1, System.nanoTime());
        times.resolved(7, 8);
        assertEquals(1, times.histogram().getTotalCount());
        assertTrue(times.histogram().getMaxValue() >= 4 * MILLI);
    }

    /** Each waits for itself, also where they wait for the same page; what is looked after again has its waiter. */
    @Test
    void vcpusAreToldApart() {
        FaultTimes times = timesOfTwo();
        assertEquals(1, times.waiterOf(100));
        assertEquals(2, times.waiterOf(200));
        assertEquals(FaultTimes.OTHERS, times.waiterOf(300));
        long now = System.nanoTime();
        times.waiting(7, 1, now - 1000 * MILLI);
        times.waiting(7, 2, now - 3000 * MILLI);
        times.waiting(7, FaultTimes.KNOWN, now);
        times.waiting(8, FaultTimes.OTHERS, now - 5000 * MILLI);
        times.waitingForRoom(9, 2);
        assertArrayEquals(
                new long[] {7, 8, 9}, Arrays.stream(times.waiting()).sorted().toArray());
        times.resolved(0, 100);
        assertEquals(3, times.histogram().getTotalCount());
        assertArrayEquals(
                new long[] {5, 1, 3},
                Arrays.stream(times.blocked())
                        .map(TimeUnit.NANOSECONDS::toSeconds)
                        .toArray());
    }

    /** Of three touches one is of a page that has come, one of a page that nobody ever had. Needs a userfaultfd, no KVM. */
    @Test
    @Tag("kvm")
    void whatIsHereIsNotWaitedFor() throws Exception {
        try (ModelHost host = new ModelHost(2L * PER_CHUNK, LargePages.THP);
                Arena arena = Arena.ofShared()) {
            PageSet absent = new PageSet(arena, host.memory.pages());
            absent.addRange(0, PER_CHUNK);
            host.pager.locate(absent, Place.AT_SOURCE);
            host.pager.arm();
            host.pager.attach(Place.AT_SOURCE, new Nobody());
            host.pager.start();
            host.pager.arrived(Place.AT_SOURCE, 3, 1);
            host.touch(3, 0, false, 0);
            host.touch(PER_CHUNK + 5, 0, true, 1);
            for (ModelHost.Touch touch : host.touches) {
                var _ = touch.result().get();
            }
            while (host.pager.faultsAtOnce() < 2) {
                Thread.onSpinWait();
            }
            assertEquals(0, host.pager.faultTimes().getTotalCount());
            host.touch(0, 0, false, 0);
            while (host.pager.waiting() == 0) {
                Thread.onSpinWait();
            }
            long began = System.nanoTime();
            Thread.sleep(20);
            // It waits already, and is looked after again.
            host.pager.askAgain();
            long waited = System.nanoTime() - began;
            host.pager.arrived(Place.AT_SOURCE, 0, 1, arena.allocate(PageSize.SMALL, PageSize.SMALL));
            var _ = host.touches.getLast().result().get();
            while (host.pager.waiting() > 0) {
                Thread.onSpinWait();
            }
            assertEquals(1, host.pager.faultTimes().getTotalCount());
            assertTrue(host.pager.faultTimes().getMinValue() >= waited * 0.99, "the time of the fetch alone");
            assertEquals(2, host.pager.faultsAtOnce());
        }
    }
}
