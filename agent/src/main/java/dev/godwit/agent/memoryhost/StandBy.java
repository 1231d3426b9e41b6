package dev.godwit.agent.memoryhost;

import dev.godwit.agent.memoryhost.RegionLink.Lane;
import dev.godwit.agent.transport.Credentials;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.thread.PromptThread;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/**
 * Calls the memory host of a guest that may come, while its machine is built: both take a while.
 *
 * <p>Threading: one thread; the call is made on another, which ends by itself.
 */
public final class StandBy implements AutoCloseable {
    private final RegionCaller caller;
    private final CompletableFuture<Lane[]> lanes = new CompletableFuture<>();
    private boolean taken;

    private StandBy(RegionCaller caller) {
        this.caller = caller;
    }

    /**
     * Begins to call.
     *
     * @param memoryBytes the guest's RAM
     */
    public static StandBy begin(RemoteConfig config, long memoryBytes, Credentials credentials) {
        StandBy call = new StandBy(RemoteMemory.caller(config, memoryBytes, credentials));
        PromptThread.urgent("memory-host-call", call::call).start();
        return call;
    }

    private void call() {
        try {
            lanes.complete(caller.standBy());
        } catch (TransportException | RuntimeException | Error e) {
            lanes.completeExceptionally(e);
        }
    }

    RegionCaller caller() {
        return caller;
    }

    /**
     * The connections, once they are there; the caller owns them.
     *
     * @throws TransportException when the memory host cannot be reached, or does not have the guest's pages
     */
    Lane[] take() throws TransportException {
        try {
            Lane[] made = lanes.join();
            taken = true;
            return made;
        } catch (CompletionException e) {
            switch (e.getCause()) {
                case TransportException why -> throw why;
                case RuntimeException why -> throw why;
                case Error why -> throw why;
                default -> throw e;
            }
        }
    }

    /** What nobody has taken is closed, as soon as it is there. */
    @Override
    public void close() {
        if (!taken) {
            var _ = lanes.thenAccept(made -> {
                for (Lane lane : made) {
                    lane.close();
                }
            });
        }
    }
}
