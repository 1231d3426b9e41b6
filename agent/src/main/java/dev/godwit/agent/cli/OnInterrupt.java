package dev.godwit.agent.cli;

import java.util.concurrent.locks.LockSupport;

/** What is still to be done when the process is told to end (Ctrl-C, SIGTERM) in the middle of a command. */
final class OnInterrupt implements AutoCloseable {
    private final Thread hook;

    OnInterrupt(Runnable action) {
        hook = Thread.ofPlatform().name("on-interrupt").unstarted(action);
        Runtime.getRuntime().addShutdownHook(hook);
    }

    /** The command has come to its end by itself; if the process is ending, waits for that and says nothing more. */
    @Override
    public void close() {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            while (true) {
                LockSupport.park();
            }
        }
    }
}
