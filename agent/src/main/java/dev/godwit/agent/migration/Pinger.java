package dev.godwit.agent.migration;

import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.thread.PromptThread;
import dev.godwit.host.thread.Uninterruptibly;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/** Tells the peer regularly that this side is alive, so that silence means something. */
final class Pinger implements AutoCloseable {
    private final CountDownLatch closed = new CountDownLatch(1);
    private final Thread thread;

    /**
     * Starts.
     *
     * @param argument what each PING carries
     * @param broken called on the pinging thread when the peer cannot be told any more
     */
    Pinger(ControlChannel channel, Duration stall, LongSupplier argument, Runnable broken) {
        long everyMillis = Math.max(10, stall.toMillis() / 4);
        thread = PromptThread.of("migration-ping", () -> {
            try {
                while (!closed.await(everyMillis, TimeUnit.MILLISECONDS)) {
                    channel.send(MessageType.PING, argument.getAsLong());
                }
            } catch (TransportException e) {
                broken.run();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        thread.start();
    }

    /** At the return nothing is sent any more: the connection may be closed. */
    @Override
    public void close() {
        closed.countDown();
        Uninterruptibly.join(thread);
    }
}
