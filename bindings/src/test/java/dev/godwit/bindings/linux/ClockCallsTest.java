package dev.godwit.bindings.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class ClockCallsTest {
    @Test
    void aThreadsClockIsItsOwn() throws InterruptedException {
        AtomicInteger id = new AtomicInteger();
        CountDownLatch known = new CountDownLatch(1);
        CountDownLatch over = new CountDownLatch(1);
        Thread sleeper = Thread.ofPlatform().start(() -> {
            id.set(SignalCalls.gettid());
            known.countDown();
            try {
                over.await();
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        });
        known.await();
        try {
            int me = SignalCalls.gettid();
            // Its first calls have cost it something.
            long its = ClockCalls.threadCpuNanos(id.get());
            long mine = ClockCalls.threadCpuNanos(me);
            long begin = System.nanoTime();
            while (ClockCalls.threadCpuNanos(me) - mine < 50_000_000) {
                Thread.onSpinWait();
            }
            assertTrue(System.nanoTime() - begin >= 49_000_000, "CPU time ran ahead of time");
            long others = ClockCalls.threadCpuNanos(id.get()) - its;
            assertTrue(its > 0 && others < 25_000_000, "a thread that sleeps used " + others + " ns");
        } finally {
            over.countDown();
            sleeper.join();
        }
        assertEquals(-Errno.EINVAL, ClockCalls.threadCpuNanos(1 << 25), "no thread has such a number");
    }
}
