package dev.godwit.host.thread;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class UrgencyTest {
    @Test
    void aThreadIsUrgentWhereTheHostGrantsItAndOrdinaryAfterwards() throws Exception {
        CompletableFuture<Void> done = new CompletableFuture<>();
        Thread.ofPlatform().start(() -> {
            try {
                assertEquals(0, ThreadStat.policy());
                try (Urgency urgency = Urgency.begin()) {
                    assertEquals(urgency.isGranted() ? 2 : 0, ThreadStat.policy());
                    assertEquals(0, policyInPause());
                    try (Urgency.Pause _ = Urgency.pause()) {
                        try (Urgency _ = Urgency.begin()) {
                            assertEquals(urgency.isGranted() ? 2 : 0, ThreadStat.policy(), "what begins within");
                            assertEquals(0, policyInPause());
                        }
                        assertEquals(0, ThreadStat.policy(), "the pause goes on");
                    }
                    try (Urgency.Pause _ = Urgency.pauseOver(1 << 30)) {
                        assertEquals(urgency.isGranted() ? 2 : 0, ThreadStat.policy(), "that is short");
                    }
                    assertEquals(urgency.isGranted() ? 2 : 0, ThreadStat.policy());
                    CompletableFuture<Integer> child = new CompletableFuture<>();
                    Thread.ofPlatform().start(() -> child.complete(ThreadStat.policy()));
                    assertEquals(0, child.join(), "a thread that it starts is ordinary");
                    Urgency.begin().close();
                    assertEquals(urgency.isGranted() ? 2 : 0, ThreadStat.policy(), "until the outer one ends");
                }
                assertEquals(0, ThreadStat.policy());
                done.complete(null);
            } catch (Throwable e) {
                done.completeExceptionally(e);
            }
        });
        done.get();
    }

    private static int policyInPause() {
        try (Urgency.Pause _ = Urgency.pause()) {
            Urgency.pause().close();
            Urgency.pauseOver(1L << 40).close();
            return ThreadStat.policy();
        }
    }

    /** What {@link #whereTheHostDoesNotGrantItAThreadStaysAsItIs} starts as a process. */
    static final class Unprivileged {
        public static void main(String[] args) {
            try (Urgency urgency = Urgency.begin()) {
                System.out.println("granted " + urgency.isGranted());
                System.out.println(ThreadStat.policy() + " " + policyInPause() + " " + ThreadStat.policy());
            }
            System.out.println(ThreadStat.policy());
            CompletableFuture<Integer> prompt = new CompletableFuture<>();
            PromptThread.urgent("prompt", () -> prompt.complete(ThreadStat.policy()))
                    .start();
            System.out.println(prompt.join());
        }
    }

    @Test
    void whereTheHostDoesNotGrantItAThreadStaysAsItIs() throws Exception {
        List<String> command = new ArrayList<>(List.of("prlimit", "--rtprio=0:0"));
        if (System.getProperty("user.name").equals("root")) {
            // Of what root may do, all but that.
            command.addAll(List.of("setpriv", "--bounding-set=-sys_nice"));
        }
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), Unprivileged.class.getName()));
        Process process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
        assertEquals(0, process.waitFor(), said);
        assertEquals("granted false\n0 0 0\n0\n0\n", said);
    }
}
