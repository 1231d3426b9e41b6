package dev.godwit.agent.process;

import java.io.IOException;
import java.io.UncheckedIOException;

/** Signals to processes of the test. */
enum Signal {
    KILL,
    STOP,
    CONT,
    TERM;

    /** Sends it; by kill(1), as Java knows only two of them. */
    void send(Process process) {
        try {
            Process kill = new ProcessBuilder("kill", "-" + name(), Long.toString(process.pid()))
                    .inheritIO()
                    .start();
            if (kill.waitFor() != 0) {
                throw new IOException("kill -" + name() + " " + process.pid() + " failed");
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }
}
