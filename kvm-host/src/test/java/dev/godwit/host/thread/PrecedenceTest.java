package dev.godwit.host.thread;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PrecedenceTest {
    /** What {@code nice(1)} gets of the same host, which it says itself. */
    private static int niceOf(String less) throws Exception {
        Process nice = new ProcessBuilder("nice", "-n", less, "nice")
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        return Integer.parseInt(new String(nice.getInputStream().readAllBytes(), StandardCharsets.US_ASCII).strip());
    }

    @ParameterizedTest
    @CsvSource({"GUEST, -3", "CONTROL, -10"})
    void aThreadComesFirstAsFarAsTheHostGrantsItAndThoseThatItStartsDoNot(Precedence precedence, String less)
            throws Exception {
        int before = niceOf("0");
        int granted = niceOf(less);
        CompletableFuture<Void> done = new CompletableFuture<>();
        Thread.ofPlatform().start(() -> {
            try {
                assertEquals(before, ThreadStat.nice());
                assertEquals(granted < before, precedence.take());
                assertEquals(granted, ThreadStat.nice());
                try (Urgency _ = Urgency.begin()) {
                    // No effect on what follows.
                }
                assertEquals(granted, ThreadStat.nice());
                CompletableFuture<Integer> child = new CompletableFuture<>();
                Thread.ofPlatform().start(() -> child.complete(ThreadStat.nice()));
                assertEquals(Math.max(granted, 0), child.join(), "a lower one than 0 is not inherited");
                assertEquals(List.of(before, before), List.of(niceOf(PromptThread::of), niceOf(PromptThread::urgent)));
                assertTrue(Precedence.ORDINARY.take());
                assertEquals(before, ThreadStat.nice());
                done.complete(null);
            } catch (Throwable e) {
                done.completeExceptionally(e);
            }
        });
        done.get();
    }

    /** Of such a thread that the calling one starts; an urgent one's when it is no longer. */
    private static int niceOf(BiFunction<String, Runnable, Thread> kind) {
        CompletableFuture<Integer> child = new CompletableFuture<>();
        kind.apply("p", () -> child.complete(ThreadStat.nice())).start();
        return child.join();
    }

    @Test
    void aThreadMayHaveItForAWhile() throws Exception {
        int here = ThreadStat.nice();
        int granted = niceOf("-3");
        try (Precedence.Turn _ = Precedence.GUEST.during()) {
            assertEquals(granted, ThreadStat.nice());
            try (Precedence.Turn _ = Precedence.ORDINARY.during()) {
                assertEquals(here, ThreadStat.nice());
            }
            assertEquals(granted, ThreadStat.nice());
        }
        assertEquals(here, ThreadStat.nice());
    }

    @Test
    void aThreadMayBeginWithIt() throws Exception {
        assertEquals(
                List.of(niceOf("-3"), niceOf("-10")),
                List.of(
                        niceOf((name, work) -> PromptThread.of(name, Precedence.GUEST, work)),
                        niceOf((name, work) -> PromptThread.of(name, Precedence.CONTROL, work))));
    }
}
