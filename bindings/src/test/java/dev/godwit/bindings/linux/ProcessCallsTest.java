package dev.godwit.bindings.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.bindings.linux.gen.rlimit;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.junit.jupiter.api.Test;

/** What the process knows of itself. */
class ProcessCallsTest {
    @Test
    void knowsItself() {
        assertEquals(ProcessHandle.current().pid(), ProcessCalls.getpid());
        assertTrue(ProcessCalls.getuid() >= 0);
        assertEquals(4096, ProcessCalls.pageSize());
        assertTrue(ProcessCalls.sysconf(ProcessCalls._SC_NPROCESSORS_ONLN) > 0);
        assertEquals(-Errno.EINVAL, ProcessCalls.sysconf(100_000));
    }

    @Test
    void aThreadsNameIsCutAt15Bytes() throws ExecutionException, InterruptedException {
        CompletableFuture<String> name = new CompletableFuture<>();
        Thread.ofPlatform().start(() -> {
            try {
                assertEquals(0, ProcessCalls.setThreadName("vcpu-0-of-a-long-name"));
                name.complete(Files.readString(Path.of("/proc/thread-self/comm")));
            } catch (IOException | AssertionError e) {
                name.completeExceptionally(e);
            }
        });
        assertEquals("vcpu-0-of-a-lon\n", name.get());
    }

    @Test
    void affinityAndLimitsAreToldAndSet() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment mask = arena.allocate(128);
            assertTrue(ProcessCalls.schedGetaffinity(0, mask) >= 0);
            assertEquals(0, ProcessCalls.schedSetaffinity(0, mask));
            assertEquals(-Errno.EINVAL, ProcessCalls.schedSetaffinity(0, mask.fill((byte) 0)));
            MemorySegment limits = arena.allocate(rlimit.layout());
            assertEquals(0, ProcessCalls.getrlimit(ProcessCalls.RLIMIT_NOFILE, limits));
            assertTrue(rlimit.rlim_cur(limits) > 0);
            assertEquals(0, ProcessCalls.setrlimit(ProcessCalls.RLIMIT_NOFILE, limits));
            assertEquals(-Errno.EINVAL, ProcessCalls.getrlimit(1000, limits));
        }
    }
}
