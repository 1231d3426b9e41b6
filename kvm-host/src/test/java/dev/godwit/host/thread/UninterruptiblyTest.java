package dev.godwit.host.thread;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class UninterruptiblyTest {
    @Test
    void anInterruptDoesNotEndItAndIsThereAfterwards() throws Exception {
        CountDownLatch end = new CountDownLatch(1);
        Thread waitedFor = Thread.ofPlatform().start(() -> Uninterruptibly.await(end::await));
        boolean[] interrupted = new boolean[1];
        Thread waiting = Thread.ofPlatform().start(() -> {
            Uninterruptibly.join(waitedFor);
            interrupted[0] = Thread.currentThread().isInterrupted();
        });
        for (int i = 0; i < 2; i++) {
            waiting.interrupt();
            assertFalse(waiting.join(java.time.Duration.ofMillis(50)));
        }
        end.countDown();
        waiting.join();
        assertFalse(waitedFor.isAlive());
        assertTrue(interrupted[0]);
    }

    @Test
    void withoutOneThereIsNone() {
        Uninterruptibly.join(Thread.ofPlatform().unstarted(() -> {}));
        assertFalse(Thread.currentThread().isInterrupted());
    }

    @Test
    void whatItThrowsComesOutWithTheInterrupt() {
        int[] times = new int[1];
        assertThrows(
                IllegalStateException.class,
                () -> Uninterruptibly.await(() -> {
                    if (times[0]++ == 0) {
                        throw new InterruptedException();
                    }
                    throw new IllegalStateException();
                }));
        assertEquals(2, times[0]);
        assertTrue(Thread.interrupted());
    }
}
