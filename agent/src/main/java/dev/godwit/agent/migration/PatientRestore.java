package dev.godwit.agent.migration;

import dev.godwit.agent.migration.MigrationException.Kind;
import dev.godwit.agent.paging.Pager;
import dev.godwit.agent.paging.Place;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.state.ElapsedTime;
import dev.godwit.host.state.MachineState;
import dev.godwit.host.thread.PromptThread;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Restores a machine that lacks pages of its memory. KVM writes some of what it restores into the guest's memory, as its
 * clock pages, and would wait for ever for one that does not come: from a memory host whose pages are still the source's,
 * or from a source that has gone.
 *
 * <p>Threading: one thread, but for {@link #isUnderWay}; the restore itself is on another, which is there before the
 * guest stands still, since a new thread waits its turn for a processor. It ends with the restore, or with the machine, or
 * when this is closed before.
 */
final class PatientRestore implements AutoCloseable {
    private static final long LOOK_MILLIS = 20;

    /** For a page at the memory host: nobody brings it, unless it comes from the source, which is soon. */
    private static final Duration REMOTE_PATIENCE = Duration.ofSeconds(2);

    private final Machine machine;
    private final Pager pager;
    private final String memoryHost;
    private final Duration patience;
    private final CompletableFuture<MachineState> given = new CompletableFuture<>();
    private final CompletableFuture<List<String>> restored = new CompletableFuture<>();

    /**
     * Of a machine whose state is still to come.
     *
     * @param memoryHost where some of its pages are, for the message
     * @param stall after this the source notices that a page connection is broken, and makes it again
     */
    PatientRestore(Machine machine, Pager pager, String memoryHost, Duration stall) {
        this.machine = machine;
        this.pager = pager;
        this.memoryHost = memoryHost;
        this.patience = stall.multipliedBy(2);
        PromptThread.urgent("restore", this::run).start();
    }

    private void run() {
        try {
            restored.complete(machine.restore(given.join(), ElapsedTime.ADVANCE));
        } catch (RuntimeException | Error e) {
            restored.completeExceptionally(e);
        }
    }

    /**
     * As {@link Machine#restore}, with clocks that go on; once.
     *
     * @throws MigrationException when it waits for a page that does not come; the machine is to be closed
     */
    List<String> restore(MachineState state) throws MigrationException, InterruptedException {
        given.complete(state);
        for (long since = System.nanoTime(); true; ) {
            try {
                return restored.get(LOOK_MILLIS, TimeUnit.MILLISECONDS);
            } catch (TimeoutException e) {
                long now = System.nanoTime();
                boolean remote = pager.isWaitedFor(Place.REMOTE);
                if (pager.waiting() == 0) {
                    since = now;
                } else if (now - since > (remote ? REMOTE_PATIENCE : patience).toNanos()) {
                    String missing = remote
                            ? "at memory host " + memoryHost + ", which is still the source's"
                            : "that its source has and does not bring";
                    throw new MigrationException(
                            Kind.REFUSED, "the guest's state cannot be restored without a page " + missing, e);
                }
            } catch (ExecutionException e) {
                throw unwrapped(e.getCause());
            }
        }
    }

    /** Whether the state has been given and is not restored, for whatever that waits; from any thread. */
    boolean isUnderWay() {
        return given.isDone() && !restored.isDone();
    }

    private static RuntimeException unwrapped(Throwable cause) {
        if (cause instanceof Error error) {
            throw error;
        }
        return cause instanceof RuntimeException known ? known : new IllegalStateException(cause);
    }

    @Override
    public void close() {
        given.cancel(false);
    }
}
