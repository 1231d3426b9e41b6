package dev.godwit.agent.stream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.migration.Chance;
import dev.godwit.agent.transport.ByteSink;
import dev.godwit.bindings.linux.GatherMessage;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.memory.PageSet;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Condition;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Senders under limits of their own and of others. */
@Timeout(60)
class RateLimitTest {
    private static final long SECOND = 1_000_000_000;

    /** Time passes when somebody waits for it, or a test says so. */
    private static final class HandClock implements Bandwidth.Clock {
        private long now = -5 * SECOND;

        @Override
        public long nanos() {
            return now;
        }

        @Override
        public void await(Condition condition, long nanos) {
            now += nanos;
        }
    }

    /** Takes everything at once and notes when. */
    private static final class Meter implements ByteSink {
        private final HandClock clock;
        private final List<Long> times = new ArrayList<>();
        private final List<Long> bytes = new ArrayList<>();

        Meter(HandClock clock) {
            this.clock = clock;
        }

        private void note(long count) {
            times.add(clock.now);
            bytes.add(count);
        }

        @Override
        public void send(MemorySegment segment) {
            note(segment.byteSize());
        }

        @Override
        public void send(GatherMessage message) {
            long count = 0;
            for (int i = 0; i < message.count(); i++) {
                count += message.length(i);
            }
            note(count);
        }

        /** The most in any second that ends with a frame. */
        long worstSecond() {
            long worst = 0;
            long within = 0;
            int from = 0;
            for (int i = 0; i < times.size(); i++) {
                within += bytes.get(i);
                while (times.get(from) <= times.get(i) - SECOND) {
                    within -= bytes.get(from++);
                }
                worst = Math.max(worst, within);
            }
            return worst;
        }

        long total() {
            return bytes.stream().mapToLong(Long::longValue).sum();
        }
    }

    /** Real frames of real memory, heads and ends of rounds included, to the byte; some are chosen when it is their turn. */
    @ParameterizedTest
    @ValueSource(longs = {1 << 20, 8 << 20, 125_000_000, 3_000_000_000L})
    void aStreamHoldsItsLimitInEverySecondAndInAll(long rate) throws Exception {
        Random random = Chance.random("aStreamHoldsItsLimit");
        HandClock clock = new HandClock();
        Meter meter = new Meter(clock);
        try (Arena arena = Arena.ofShared();
                GuestMemory memory = GuestMemory.allocate(8 << 20, LargePages.NONE)) {
            for (long at = 0; at < memory.size(); at += 4096) {
                // Some pages are zeros, so that frames have many runs.
                memory.segment().set(ValueLayout.JAVA_LONG, at, random.nextInt(4) == 0 ? 0 : 1);
            }
            PageSet all = new PageSet(arena, memory.pages());
            all.addAll();
            Bandwidth own = new Bandwidth(rate, clock);
            Bandwidth shared = new Bandwidth(rate + rate / 10, clock);
            PageSender sender = new PageSender(arena, meter, memory, new RateLimit(own, shared));
            long start = clock.now;
            for (int round = 1; clock.now < start + 4 * SECOND; round++) {
                for (long chunk = 0; chunk < 4; chunk++) {
                    sender.sendChunk(all, chunk, false, round);
                    int most = sender.awaitTurn(1 + random.nextInt(64));
                    if (random.nextInt(4) == 0) {
                        sender.passTurn();
                    } else {
                        long first = 512 * chunk + 64L * random.nextInt(8);
                        sender.sendPages(first, -1L >>> (64 - 1 - random.nextInt(most)), 0, round);
                    }
                }
                sender.endRound(round);
            }
            assertEquals(meter.total(), sender.wireBytes());
            double seconds = (clock.now - start) / 1e9;
            assertTrue(meter.worstSecond() <= rate * 1.05, meter.worstSecond() + " bytes in a second");
            assertTrue(meter.total() <= rate * (seconds + 0.03), meter.total() + " bytes in " + seconds + " s");
            assertTrue(meter.total() >= rate * seconds * 0.999, meter.total() + " bytes in " + seconds + " s");
        }
    }

    /** Whoever is released need not have been let go by the limit: then there is nothing to give back. */
    @Test
    void whoIsReleasedGivesNothingBackToOthers() throws Exception {
        HandClock clock = new HandClock();
        Bandwidth shared = new Bandwidth(1 << 20, clock);
        try (Arena arena = Arena.ofShared();
                GuestMemory memory = GuestMemory.allocate(1 << 20, LargePages.NONE)) {
            RateLimit released = new RateLimit(shared);
            RateLimit other = released.another();
            PageSender sender = new PageSender(arena, new Meter(clock), memory, released);
            released.release();
            for (int i = 0; i < 1000; i++) {
                sender.awaitTurn(1);
                sender.passTurn();
            }
            long start = clock.now;
            other.acquireInTurns(2 << 20);
            assertTrue(clock.now - start > 19 * SECOND / 10, (clock.now - start) + " ns for 2 s' worth");
        }
    }

    @Test
    void withoutALimitAChunkIsOneFrame() throws Exception {
        assertEquals(512, RateLimit.none().framePages());
        assertEquals(512, new RateLimit(0).framePages());
        assertEquals(512, new RateLimit(1L << 40).framePages());
        assertEquals(1, new RateLimit(1000).framePages());
        assertEquals(76, new RateLimit(125_000_000).framePages());
    }

    /** Two migrations by the real clock, one with four times as many senders. */
    @Test
    void nobodyStarvesAndTheSumIsTheLimit() throws Exception {
        long rate = 64 << 20;
        Bandwidth shared = new Bandwidth(rate);
        RateLimit one = new RateLimit(Bandwidth.unlimited(), shared);
        RateLimit other = new RateLimit(Bandwidth.unlimited(), shared);
        AtomicLong byOne = new AtomicLong();
        AtomicLong byOther = new AtomicLong();
        long end = System.nanoTime() + SECOND;
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            RateLimit limit = i == 0 ? one : other;
            AtomicLong count = i == 0 ? byOne : byOther;
            threads.add(Thread.ofPlatform().start(() -> {
                while (System.nanoTime() < end) {
                    limit.acquire(100_000);
                    count.addAndGet(100_000);
                }
            }));
        }
        for (Thread thread : threads) {
            thread.join();
        }
        long sum = byOne.get() + byOther.get();
        System.out.println("shared: " + sum / 1e6 + " MB in a second at " + rate / 1e6 + ", a fifth of the senders had "
                + byOne.get() * 100 / sum + " %");
        // Each may have had a last frame after the end.
        assertTrue(sum <= rate * 1.05 + 500_000, sum + " bytes");
        assertTrue(byOne.get() >= sum / 10, byOne + " of " + sum);
    }

    @Test
    void whoIsReleasedLetsTheOthersWait() throws Exception {
        Bandwidth shared = new Bandwidth(1000);
        RateLimit given = new RateLimit(shared);
        RateLimit kept = new RateLimit(shared);
        shared.count(1_000_000);
        Thread givenUp = Thread.ofPlatform().start(() -> given.acquire(1));
        Thread waiting = Thread.ofPlatform().daemon().start(() -> kept.acquire(1));
        assertFalse(givenUp.join(Duration.ofMillis(50)));
        given.release();
        givenUp.join();
        assertFalse(waiting.join(Duration.ofMillis(50)));
        // Another group of the same limits is not released with it.
        Thread again = Thread.ofPlatform().daemon().start(() -> given.another().acquire(1));
        assertFalse(again.join(Duration.ofMillis(50)));
        given.acquire(1);
        kept.release();
        waiting.join();
        again.interrupt();
        again.join();
    }

    @Test
    void whatAGuestWaitsForOvertakes() throws Exception {
        AtomicLong now = new AtomicLong();
        Bandwidth shared = new Bandwidth(1_000_000, new Bandwidth.Clock() {
            @Override
            public long nanos() {
                return now.get();
            }

            @Override
            @SuppressWarnings("WaitNotInLoop") // its caller loops
            public void await(Condition condition, long nanos) throws InterruptedException {
                var _ = condition.awaitNanos(1_000_000);
            }
        });
        RateLimit push = new RateLimit(shared);
        push.acquire(100_000);
        Thread background = Thread.ofPlatform().start(() -> push.acquire(1));
        Thread urgent = Thread.ofPlatform().start(() -> push.anotherInAHurry().acquire(1));
        // A little is owed still: enough to hold what nobody waits for.
        now.set(98_500_000);
        urgent.join();
        assertFalse(background.join(Duration.ofMillis(20)));
        now.set(200_000_000);
        background.join();
    }
}
