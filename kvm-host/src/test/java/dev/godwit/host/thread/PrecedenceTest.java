package dev.godwit.host.thread;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class PrecedenceTest {
    @Test
    void aThreadComesFirstWhereTheHostGrantsItAndThoseThatItStartsDoNot() throws Exception {
        CompletableFuture<Void> done = new CompletableFuture<>();
        Thread.ofPlatform().start(() -> {
            try {
                int before = ThreadStat.nice();
                boolean granted = Precedence.take();
                assertEquals(granted ? -3 : before, ThreadStat.nice());
                try (Urgency _ = Urgency.begin()) {
                    // No effect on what follows.
                }
                assertEquals(granted ? -3 : before, ThreadStat.nice());
                CompletableFuture<Integer> child = new CompletableFuture<>();
                Thread.ofPlatform().start(() -> child.complete(ThreadStat.nice()));
                assertEquals(granted ? 0 : before, child.join());
                done.complete(null);
            } catch (Throwable e) {
                done.completeExceptionally(e);
            }
        });
        done.get();
    }
}
