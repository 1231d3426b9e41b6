package dev.godwit.host.thread;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

class PromptThreadTest {
    private static final int ORDINARY = 0;
    private static final int URGENT = 2;

    /** The policy of a thread while it works, and of one that it starts. */
    private static List<Integer> policies(boolean urgent) {
        CompletableFuture<List<Integer>> policies = new CompletableFuture<>();
        Runnable work = () -> {
            CompletableFuture<Integer> child = new CompletableFuture<>();
            Thread.ofPlatform().start(() -> child.complete(ThreadStat.policy()));
            policies.complete(List.of(ThreadStat.policy(), child.join()));
        };
        Thread thread = urgent ? PromptThread.urgent("urgent", work) : PromptThread.of("ordinary", work);
        assertTrue(thread.isDaemon());
        thread.start();
        return policies.join();
    }

    private static void inAThreadOfItsOwn(Runnable work) throws Exception {
        try (ExecutorService one = Executors.newSingleThreadExecutor()) {
            one.submit(work).get();
        }
    }

    @Test
    void itIsWhatItWasAskedForAsAndItsStarterWhatItWas() throws Exception {
        inAThreadOfItsOwn(() -> {
            int urgent;
            try (Urgency urgency = Urgency.begin()) {
                urgent = urgency.isGranted() ? URGENT : ORDINARY;
                assertEquals(List.of(ORDINARY, ORDINARY), policies(false));
                assertEquals(urgent, ThreadStat.policy());
                assertEquals(List.of(urgent, ORDINARY), policies(true));
                assertEquals(urgent, ThreadStat.policy());
            }
            assertEquals(List.of(ORDINARY, ORDINARY), policies(false));
            assertEquals(ORDINARY, ThreadStat.policy());
            assertEquals(List.of(urgent, ORDINARY), policies(true));
            assertEquals(ORDINARY, ThreadStat.policy());
        });
    }

    /** Born urgent: an ordinary one is, before its work, or the starter would wait for its turn. */
    @Test
    void whatIsStartedByOneIsBornAsItIs() throws Exception {
        inAThreadOfItsOwn(() -> {
            int[] born = new int[1];
            Urgency.handOn(() -> {
                CompletableFuture<Integer> child = new CompletableFuture<>();
                Thread.ofPlatform().start(() -> child.complete(ThreadStat.policy()));
                born[0] = child.join();
            });
            try (Urgency urgency = Urgency.begin()) {
                assertEquals(urgency.isGranted() ? URGENT : ORDINARY, born[0]);
            }
        });
    }

    @Test
    void aPoolsThreadsAreNumberedAndOrdinary() throws Exception {
        try (ExecutorService pool = Executors.newCachedThreadPool(PromptThread.factory("pool-"))) {
            Future<String> first = pool.submit(() -> Thread.currentThread().getName() + " " + ThreadStat.policy());
            assertEquals("pool-0 0", first.get());
        }
    }

    @Test
    void whoCannotBeStartedLeavesItsStarterAsItWas() throws Exception {
        inAThreadOfItsOwn(() -> {
            Thread once = PromptThread.of("once", () -> {});
            once.start();
            try {
                once.start();
                throw new CompletionException("started twice", null);
            } catch (IllegalThreadStateException e) {
                assertEquals(ORDINARY, ThreadStat.policy());
            }
        });
    }
}
