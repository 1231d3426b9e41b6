package dev.godwit.agent;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** What the kernel says of a thread, see {@code proc_pid_stat(5)}. */
public final class ThreadFields {
    public static final int NICE = 19;
    public static final int POLICY = 41;

    /** Of the calling thread. */
    public static final Path OWN = Path.of("/proc/thread-self");

    private static final int STATE = 3;

    private ThreadFields() {}

    /** A field by its number; {@code thread} is its directory in {@code /proc}. */
    public static int field(Path thread, int number) throws IOException {
        String stat = Files.readString(thread.resolve("stat"));
        // The name may have spaces.
        return Integer.parseInt(stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1)[number - STATE]);
    }
}
