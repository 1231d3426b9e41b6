package dev.godwit.agent.stream;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.transport.TransportException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

class StreamRehearsalTest {
    @Test
    @Timeout(60)
    void itEndsAndLeavesNothingBehind() throws TransportException, IOException {
        StreamRehearsal.run();
        long before = descriptors();
        StreamRehearsal.run();
        long after = descriptors();
        assertTrue(after <= before, () -> before + " descriptors before, " + after + " after");
        assertFalse(Thread.getAllStackTraces().keySet().stream()
                .anyMatch(thread -> thread.getName().equals("rehearsal-send")));
    }

    private static long descriptors() throws IOException {
        try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
            return open.count();
        }
    }
}
