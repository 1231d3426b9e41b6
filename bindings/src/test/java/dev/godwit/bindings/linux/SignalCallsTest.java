package dev.godwit.bindings.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;

/** A signal ends a blocking call of one thread. */
class SignalCallsTest {
    @Test
    void aBlockedReadReturnsEintr() throws InterruptedException, ExecutionException, TimeoutException {
        int signal = SignalCalls.sigrtmin() + 3;
        assertTrue(signal <= SignalCalls.sigrtmax(), () -> "signal " + signal);
        assertEquals(0, SignalCalls.installNoopHandler(signal));
        int pipe = EventCalls.eventfd(0, EventCalls.EFD_CLOEXEC);
        CompletableFuture<Integer> id = new CompletableFuture<>();
        CompletableFuture<Long> result = new CompletableFuture<>();
        Thread reader = Thread.ofPlatform().daemon().start(() -> {
            id.complete(SignalCalls.gettid());
            result.complete(EventCalls.take(pipe));
        });
        int readerId = id.get(60, TimeUnit.SECONDS);
        // a signal that comes before the thread is in the call is lost, so it is sent until it has come
        while (reader.isAlive()) {
            int sent = SignalCalls.tgkill(ProcessCalls.getpid(), readerId, signal);
            assertTrue(sent == 0 || sent == -Errno.ESRCH, () -> Errno.name(-sent));
            reader.join(1);
        }
        assertEquals(-Errno.EINTR, result.get(60, TimeUnit.SECONDS));
        assertEquals(0, FileCalls.close(pipe));
    }

    @Test
    void aBlockedSignalWaitsUntilItIsUnblocked() throws IOException {
        int signal = SignalCalls.sigrtmin() + 4;
        assertEquals(0, SignalCalls.installNoopHandler(signal));
        assertEquals(0, SignalCalls.block(signal));
        assertEquals(0, SignalCalls.tgkill(ProcessCalls.getpid(), SignalCalls.gettid(), signal));
        assertEquals(1L << (signal - 1), pendingSignals(), "held back");
        assertEquals(0, SignalCalls.unblock(signal));
        assertEquals(0, pendingSignals(), "delivered");
    }

    @Test
    void errorsAreNegatedNumbers() {
        assertEquals(-Errno.EINVAL, SignalCalls.installNoopHandler(9));
        assertEquals(-Errno.EINVAL, SignalCalls.installNoopHandler(1000));
        assertEquals(-Errno.EINVAL, SignalCalls.block(65));
        assertEquals(-Errno.EINVAL, SignalCalls.tgkill(ProcessCalls.getpid(), -1, 0));
    }

    /** The signals that wait for the calling thread, as bits. */
    private static long pendingSignals() throws IOException {
        return Files.readAllLines(Path.of("/proc/thread-self/status")).stream()
                .filter(line -> line.startsWith("SigPnd:"))
                .mapToLong(line -> Long.parseUnsignedLong(
                        line.substring(line.indexOf(':') + 1).strip(), 16))
                .findAny()
                .orElseThrow();
    }
}
