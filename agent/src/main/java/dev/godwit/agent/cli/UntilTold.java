package dev.godwit.agent.cli;

import java.util.concurrent.CountDownLatch;

/** The rest of a command that serves: it says that it does, and goes on until the process is told to end. */
final class UntilTold {
    private UntilTold() {}

    /**
     * Does not return.
     *
     * @param name of the command
     * @param served what it serves, in words
     * @param close ends that, in order; on SIGTERM or SIGINT, and then the process exits with 0
     */
    @SuppressWarnings("SystemExitOutsideMain") // the end of a process that was told to end
    static int serve(Console console, String name, Object served, Runnable close) throws InterruptedException {
        Runtime.getRuntime()
                .addShutdownHook(Thread.ofPlatform().name("shutdown").unstarted(() -> {
                    close.run();
                    Runtime.getRuntime().halt(ExitCode.OK); // else the signal's number would be the status
                }));
        console.out().println("godwit " + name + " ready: " + served);
        console.out().flush();
        new CountDownLatch(1).await();
        return ExitCode.OK;
    }
}
