package dev.godwit.host.thread;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class UrgencyTest {
    /** Field 41 of {@code /proc/thread-self/stat}: the policy; 0 is that of ordinary threads, 2 is round robin. */
    private static int policy() {
        try {
            String stat = Files.readString(Path.of("/proc/thread-self/stat"));
            List<String> afterName =
                    List.of(stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1));
            return Integer.parseInt(afterName.get(41 - 3));
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void aThreadIsUrgentWhereTheHostGrantsItAndOrdinaryAfterwards() throws Exception {
        CompletableFuture<Void> done = new CompletableFuture<>();
        Thread.ofPlatform().start(() -> {
            try {
                assertEquals(0, policy());
                try (Urgency urgency = Urgency.begin()) {
                    assertEquals(urgency.isGranted() ? 2 : 0, policy());
                    assertEquals(0, Urgency.without(UrgencyTest::policy));
                    assertEquals(urgency.isGranted() ? 2 : 0, policy());
                    CompletableFuture<Integer> child = new CompletableFuture<>();
                    Thread.ofPlatform().start(() -> child.complete(policy()));
                    assertEquals(0, child.join(), "a thread that it starts is ordinary");
                }
                assertEquals(0, policy());
                done.complete(null);
            } catch (Throwable e) {
                done.completeExceptionally(e);
            }
        });
        done.get();
    }
}
