package dev.godwit.host.thread;

/**
 * Waiting for what must have happened before something is given back: an interrupt does not end it, and is there
 * afterwards.
 *
 * <p>Threading: any thread.
 */
public final class Uninterruptibly {
    /** Something that may be begun again when it was interrupted. */
    @FunctionalInterface
    public interface Wait {
        void run() throws InterruptedException;
    }

    private Uninterruptibly() {}

    /** Waits until the thread has ended, or was never started. */
    public static void join(Thread thread) {
        await(thread::join);
    }

    /** Waits; begins again after each interrupt. */
    public static void await(Wait wait) {
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    wait.run();
                    return;
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
