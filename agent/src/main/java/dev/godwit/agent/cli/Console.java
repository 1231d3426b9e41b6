package dev.godwit.agent.cli;

import dev.godwit.agent.config.Environment;
import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/**
 * What a command reads and writes.
 *
 * @param terminal whether both {@code in} and {@code out} are a person's terminal
 */
record Console(InputStream in, PrintStream out, PrintStream err, Environment environment, boolean terminal) {
    /** This process's. */
    static Console ofProcess() {
        return new Console(
                System.in,
                utf8(FileDescriptor.out),
                utf8(FileDescriptor.err),
                Environment.ofProcess(),
                Terminal.isStandardOutput());
    }

    /** Terminals speak it also where the locale is the plain C one, which Java takes for ASCII. */
    private static PrintStream utf8(FileDescriptor descriptor) {
        OutputStream buffered = new BufferedOutputStream(new FileOutputStream(descriptor));
        return new PrintStream(buffered, true, StandardCharsets.UTF_8);
    }
}
