package dev.godwit.agent.api;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class ApiThreadsTest {
    private static final int CALLERS = 40;

    /** None is turned away: who wants a guest stopped, so that there are threads again, would be. */
    @Test
    void whereThereAreNoMoreThreadsCallersTakeTheirTurn() throws Exception {
        CountDownLatch all = new CountDownLatch(CALLERS);
        CountDownLatch open = new CountDownLatch(1);
        AtomicInteger refused = new AtomicInteger();
        AtomicInteger made = new AtomicInteger();
        ApiThreads threads = new ApiThreads(work -> new Thread(work) {
            @Override
            public void start() {
                if (made.get() >= 6) {
                    refused.incrementAndGet();
                    throw new OutOfMemoryError("unable to create native thread");
                }
                made.incrementAndGet();
                super.start();
            }
        });
        threads.setDaemon(true);
        threads.start();
        try {
            for (int i = 0; i < CALLERS; i++) {
                threads.execute(() -> {
                    try {
                        open.await();
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                    }
                    all.countDown();
                });
            }
            assertTrue(refused.get() > 0, "there were as many as were wanted");
            open.countDown();
            assertTrue(all.await(20, TimeUnit.SECONDS), () -> all.getCount() + " were not answered");
        } finally {
            threads.stop();
        }
    }
}
