package dev.godwit.agent.cli;

import dev.godwit.agent.config.Environment;
import java.io.InputStream;
import java.io.PrintStream;

/**
 * What a command reads and writes.
 *
 * @param terminal whether both {@code in} and {@code out} are a person's terminal
 */
record Console(InputStream in, PrintStream out, PrintStream err, Environment environment, boolean terminal) {
    /** This process's. */
    static Console ofProcess() {
        return new Console(System.in, System.out, System.err, Environment.ofProcess(), Terminal.isStandardOutput());
    }
}
