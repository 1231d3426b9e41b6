package dev.godwit.agent.migration;

import dev.godwit.agent.memoryhost.RemoteMemory;
import dev.godwit.agent.migration.MigrationException.Kind;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.state.ElapsedTime;
import dev.godwit.host.state.MachineState;
import dev.godwit.host.thread.Urgency;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Restores a machine whose pages at a memory host are still its source's. KVM writes some of what it restores into the
 * guest's memory, as its clock pages, and would wait for ever for one that is there.
 *
 * <p>Threading: one thread; the restore itself is on another, which is there before the guest stands still, since a new
 * thread waits its turn for a processor. It ends with the restore, or with the machine, or when this is closed before.
 */
final class PatientRestore implements AutoCloseable {
    private static final long LOOK_MILLIS = 20;

    /** For a page that comes, from the source, it never waits for as long as this. */
    private static final long PATIENCE_NANOS = 2_000_000_000;

    private final Machine machine;
    private final RemoteMemory memory;
    private final CompletableFuture<MachineState> given = new CompletableFuture<>();
    private final CompletableFuture<List<String>> restored = new CompletableFuture<>();

    PatientRestore(Machine machine, RemoteMemory memory) {
        this.machine = machine;
        this.memory = memory;
        Thread.ofPlatform().daemon().name("restore").start(this::run);
    }

    private void run() {
        try (Urgency _ = Urgency.begin()) {
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
                if (memory.pager().waiting() == 0) {
                    since = now;
                } else if (now - since > PATIENCE_NANOS) {
                    throw new MigrationException(
                            Kind.REFUSED,
                            "the guest's state cannot be restored without a page at memory host "
                                    + memory.config().at() + ", which is still the source's",
                            e);
                }
            } catch (ExecutionException e) {
                throw unwrapped(e.getCause());
            }
        }
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
