package dev.godwit.host.machine;

import dev.godwit.host.thread.PromptThread;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;

/**
 * Does things one after another on threads of their own, so that whoever asked for one need not wait for it to its end.
 *
 * <p>Thread-safe.
 */
final class InTurn {
    private final String name;
    private CompletableFuture<Void> last = CompletableFuture.completedFuture(null);

    /** @param name of the threads */
    InTurn(String name) {
        this.name = name;
    }

    /** Does it once all before it is done, however that ended; completes with its own end. */
    CompletableFuture<Void> then(Runnable work) {
        return then(work, task -> PromptThread.of(name, task).start());
    }

    /** As {@link #then}, on an urgent thread. */
    CompletableFuture<Void> thenUrgently(Runnable work) {
        return then(work, task -> PromptThread.urgent(name, task).start());
    }

    private synchronized CompletableFuture<Void> then(Runnable work, Executor thread) {
        last = last.handle((_, _) -> (Void) null).thenRunAsync(work, thread);
        return last.copy();
    }

    /** Waits until all is done that has been asked for, however that ended. */
    void await() {
        CompletableFuture<Void> end;
        synchronized (this) {
            end = last;
        }
        var _ = end.handle((_, _) -> (Void) null).join();
    }
}
