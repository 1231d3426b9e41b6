package dev.godwit.agent.migration;

import dev.godwit.agent.transport.TransportException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Tells the peer regularly that this side is alive, so that silence means something. */
final class Pinger implements AutoCloseable {
    private final CountDownLatch closed = new CountDownLatch(1);
    private final Thread thread;

    Pinger(ControlChannel channel, Duration stall) {
        long everyMillis = Math.max(10, stall.toMillis() / 4);
        thread = Thread.ofPlatform().daemon().name("migration-ping").start(() -> {
            try {
                while (!closed.await(everyMillis, TimeUnit.MILLISECONDS)) {
                    channel.send(ControlChannel.Type.PING, 0);
                }
            } catch (TransportException broken) {
                // Whoever waits for the peer's next word hears of it there.
                closed.countDown();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
    }

    /** At the return nothing is sent any more: the connection may be closed. */
    @Override
    public void close() {
        closed.countDown();
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
