package dev.godwit.agent.migration;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/**
 * What this process holds at one moment.
 *
 * @param descriptors open file descriptors
 * @param threads of the kernel's, all kinds
 * @param residentBytes resident memory
 */
record Resources(int descriptors, int threads, long residentBytes) {
    private static final int PAGE = 4096;

    static Resources now() throws IOException {
        String[] statm = Files.readString(Path.of("/proc/self/statm")).split(" ", -1);
        return new Resources(count("/proc/self/fd"), ours().size(), Long.parseLong(statm[1]) * PAGE);
    }

    /** As {@link #now}, when everything has been closed: a thread whose work is done may still be on its way out. */
    static Resources afterAll() throws IOException, InterruptedException {
        for (Thread thread : ours()) {
            thread.join(Duration.ofSeconds(5));
        }
        return now();
    }

    private static int count(String directory) {
        // The listing itself is open while it is read.
        return new File(directory).list().length - 1;
    }

    /** The threads this project makes; the JVM starts and ends its own as it likes. */
    private static List<Thread> ours() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(t -> t.getName().startsWith("vcpu-") || t.getName().startsWith("migration-"))
                .toList();
    }

    /** Asserts that nothing is held that was not held at an earlier moment. */
    void assertNoMoreThan(Resources before) {
        assertTrue(descriptors <= before.descriptors, () -> "descriptors: " + before.descriptors + " → " + descriptors);
        assertTrue(threads <= before.threads, () -> "threads: " + before.threads + " → " + ours());
    }
}
