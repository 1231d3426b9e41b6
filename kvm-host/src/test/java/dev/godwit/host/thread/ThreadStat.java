package dev.godwit.host.thread;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** What the kernel says of a thread: {@code /proc/self/task/ID/stat}, see {@code proc_pid_stat(5)}. */
public final class ThreadStat {
    private static final Path OWN = Path.of("/proc/thread-self/stat");
    private static final int STATE = 3;
    private static final int NICE = 19;
    private static final int POLICY = 41;

    private ThreadStat() {}

    /** Of the calling thread. */
    static int nice() {
        return field(OWN, NICE);
    }

    /** Of any of this process. */
    public static int nice(int threadId) {
        return field(Path.of("/proc/self/task/" + threadId + "/stat"), NICE);
    }

    /** 0 is that of ordinary threads, 2 is round robin. */
    static int policy() {
        return field(OWN, POLICY);
    }

    private static int field(Path file, int number) {
        try {
            String stat = Files.readString(file);
            // The name may have spaces.
            List<String> fromState =
                    List.of(stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1));
            return Integer.parseInt(fromState.get(number - STATE));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
