package dev.godwit.host.thread;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class PrecedenceTest {
    /** What {@code nice(1)} gets of the same host, which it says itself. */
    private static int niceOf(String less) throws Exception {
        Process nice = new ProcessBuilder("nice", "-n", less, "nice")
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        return Integer.parseInt(new String(nice.getInputStream().readAllBytes(), StandardCharsets.US_ASCII).strip());
    }

    @Test
    void aThreadComesFirstAsFarAsTheHostGrantsItAndThoseThatItStartsDoNot() throws Exception {
        int before = niceOf("0");
        int granted = niceOf("-3");
        CompletableFuture<Void> done = new CompletableFuture<>();
        Thread.ofPlatform().start(() -> {
            try {
                assertEquals(before, ThreadStat.nice());
                assertEquals(granted < before, Precedence.take());
                assertEquals(granted, ThreadStat.nice());
                try (Urgency _ = Urgency.begin()) {
                    // No effect on what follows.
                }
                assertEquals(granted, ThreadStat.nice());
                CompletableFuture<Integer> child = new CompletableFuture<>();
                Thread.ofPlatform().start(() -> child.complete(ThreadStat.nice()));
                assertEquals(Math.max(granted, 0), child.join(), "a lower one than 0 is not inherited");
                done.complete(null);
            } catch (Throwable e) {
                done.completeExceptionally(e);
            }
        });
        done.get();
    }
}
