package dev.godwit.agent.cli;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;

/** A print stream that says, once, when nobody reads it any more. */
final class CheckedOutput extends OutputStream {
    private final PrintStream out;
    private final Runnable onBroken;

    CheckedOutput(PrintStream out, Runnable onBroken) {
        this.out = out;
        this.onBroken = onBroken;
    }

    @Override
    public void write(int value) throws IOException {
        write(new byte[] {(byte) value}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int from, int length) throws IOException {
        out.write(bytes, from, length);
        flush();
    }

    @Override
    public void flush() throws IOException {
        if (out.checkError()) {
            onBroken.run();
            throw new IOException("nobody reads it");
        }
    }
}
