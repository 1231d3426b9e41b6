package dev.godwit.host.thread;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

class PromptThreadTest {
    private static final int ORDINARY = 0;

    /** The policy of an urgent thread here. */
    private static int urgent() {
        try (Urgency urgency = Urgency.begin()) {
            return urgency.isGranted() ? 2 : ORDINARY;
        }
    }

    /** The policies of such a thread, of one that it starts, and of its starter afterwards. */
    private static List<Integer> policies(Function<Runnable, Thread> kind) {
        CompletableFuture<Integer> own = new CompletableFuture<>();
        CompletableFuture<Integer> child = new CompletableFuture<>();
        Thread thread = kind.apply(() -> {
            own.complete(ThreadStat.policy());
            Thread.ofPlatform().start(() -> child.complete(ThreadStat.policy()));
        });
        assertTrue(thread.isDaemon());
        thread.start();
        return List.of(soon(own), soon(child), ThreadStat.policy());
    }

    private static int soon(CompletableFuture<Integer> policy) {
        return policy.orTimeout(20, TimeUnit.SECONDS).join();
    }

    private static void onAThreadOfItsOwn(Runnable work) throws Exception {
        try (ExecutorService one = Executors.newSingleThreadExecutor()) {
            one.submit(work).get();
        }
    }

    @Test
    void itIsWhatItWasAskedForAsAndItsStarterWhatItWas() throws Exception {
        onAThreadOfItsOwn(() -> {
            int urgent = urgent();
            assertEquals(List.of(ORDINARY, ORDINARY, ORDINARY), policies(work -> PromptThread.of("p", work)));
            assertEquals(List.of(urgent, ORDINARY, ORDINARY), policies(work -> PromptThread.urgent("p", work)));
            try (Urgency _ = Urgency.begin()) {
                assertEquals(List.of(ORDINARY, ORDINARY, urgent), policies(work -> PromptThread.of("p", work)));
                assertEquals(List.of(urgent, ORDINARY, urgent), policies(work -> PromptThread.urgent("p", work)));
                try (Urgency.Pause _ = Urgency.pause()) {
                    assertEquals(List.of(ORDINARY, ORDINARY, ORDINARY), policies(work -> PromptThread.of("p", work)));
                }
                assertEquals(urgent, ThreadStat.policy());
            }
        });
    }

    /** Whoever starts it would wait for its turn otherwise. */
    @Test
    void itIsBornUrgent() throws Exception {
        onAThreadOfItsOwn(() -> {
            CompletableFuture<Integer> born = new CompletableFuture<>();
            new PromptThread("p", () -> born.complete(ThreadStat.policy())).start();
            assertEquals(urgent(), soon(born));
        });
    }

    @Test
    void soAreThoseOfAPool() throws Exception {
        onAThreadOfItsOwn(() -> {
            CompletableFuture<Integer> born = new CompletableFuture<>();
            ThreadFactory tells = work -> Thread.ofPlatform().unstarted(() -> {
                born.complete(ThreadStat.policy());
                work.run();
            });
            try (ExecutorService pool = PromptThread.pool(tells)) {
                pool.execute(() -> {});
                assertEquals(urgent(), soon(born));
                assertEquals(ORDINARY, ThreadStat.policy());
            }
        });
    }

    @Test
    void aPoolsThreadsAreNumberedAndOrdinaryOrUrgent() throws Exception {
        try (ExecutorService pool = PromptThread.pool("pool-");
                ExecutorService urgentPool = PromptThread.urgentPool("urgent-")) {
            assertEquals("pool-0 true 0", pool.submit(PromptThreadTest::oneself).get());
            for (int i = 0; i < 3; i++) {
                String said = urgentPool.submit(PromptThreadTest::oneself).get();
                assertTrue(said.matches("urgent-[0-2] true " + urgent()), said);
            }
        }
    }

    private static String oneself() {
        Thread own = Thread.currentThread();
        return own.getName() + " " + own.isDaemon() + " " + ThreadStat.policy();
    }

    @Test
    void whatCannotBeStartedLeavesItsStarterAsItWas() throws Exception {
        onAThreadOfItsOwn(() -> {
            Thread once = PromptThread.of("once", () -> {});
            once.start();
            assertThrows(IllegalThreadStateException.class, once::start);
            assertEquals(ORDINARY, ThreadStat.policy());
        });
    }
}
