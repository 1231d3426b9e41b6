package dev.godwit.agent.transport;

import dev.godwit.bindings.linux.Errno;
import dev.godwit.bindings.linux.SignalCalls;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.UUID;

/**
 * Which process on which running kernel somebody is, so that its end can be proved from the same host.
 *
 * <p>That nobody answers at an address proves nothing: a tunnel may have died, a firewall may have closed. That the
 * process is gone proves that its guests are.
 *
 * <pre>
 *    0  16 bytes  boot id of the kernel
 *   16  u64       number of the process-id namespace
 *   24  u64       process id
 *   32  u64       start of the process in clock ticks since boot
 * </pre>
 *
 * @param boot {@code /proc/sys/kernel/random/boot_id}
 * @param namespace inode of {@code /proc/self/ns/pid}; 0 when unknown
 * @param pid the process in that namespace
 * @param startTicks field 22 of {@code /proc/PID/stat}, since process ids are used again
 */
public record ProcessIdentity(UUID boot, long namespace, long pid, long startTicks) {
    /** Bytes of the encoded form. */
    public static final int BYTES = 40;

    /** A peer that did not say: its end can never be proved. */
    public static final ProcessIdentity NONE = new ProcessIdentity(new UUID(0, 0), 0, 0, 0);

    private static final Path PROC = Path.of("/proc");
    private static final int STATE = 0;
    private static final int START_TICKS = 19;

    /** This process. */
    public static ProcessIdentity own() {
        try {
            UUID boot = UUID.fromString(
                    Files.readString(PROC.resolve("sys/kernel/random/boot_id")).strip());
            long pid = ProcessHandle.current().pid();
            Object inode = Files.getAttribute(PROC.resolve("self/ns/pid"), "unix:ino");
            return new ProcessIdentity(boot, (Long) inode, pid, Long.parseLong(stat(pid)[START_TICKS]));
        } catch (IOException | RuntimeException e) {
            // Without it nobody can prove this process's end: a migration in doubt then waits for a person.
            return new ProcessIdentity(UUID.randomUUID(), 0, 0, 0);
        }
    }

    /** The fields of a process's stat file after its name, which may hold anything. */
    private static String[] stat(long pid) throws IOException {
        String text = Files.readString(PROC.resolve(Long.toString(pid)).resolve("stat"));
        return text.substring(text.lastIndexOf(')') + 2).split(" ", -1);
    }

    /**
     * Whether it is certain, seen from {@code here}, that the process has ended; false when it lives, or lives
     * elsewhere so that nobody here can tell.
     */
    public boolean isGone(ProcessIdentity here) {
        if (namespace == 0 || !boot.equals(here.boot) || namespace != here.namespace) {
            return false;
        }
        try {
            String[] stat = stat(pid);
            return stat[STATE].equals("Z") || Long.parseLong(stat[START_TICKS]) != startTicks;
        } catch (NoSuchFileException e) {
            // A /proc that hides other users' processes looks the same: the kernel has the last word.
            int thread = Math.toIntExact(pid);
            return SignalCalls.tgkill(thread, thread, 0) == -Errno.ESRCH;
        } catch (IOException | RuntimeException e) {
            return false;
        }
    }

    /** The bytes of the wire. */
    public byte[] encode() {
        byte[] bytes = new byte[BYTES];
        ByteBuffer.wrap(bytes)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(boot.getMostSignificantBits())
                .putLong(boot.getLeastSignificantBits())
                .putLong(namespace)
                .putLong(pid)
                .putLong(startTicks);
        return bytes;
    }

    /** What {@link #encode} made, or {@link #NONE} for anything else. */
    public static ProcessIdentity decode(byte[] bytes) {
        if (bytes.length != BYTES) {
            return NONE;
        }
        ByteBuffer in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        return new ProcessIdentity(new UUID(in.getLong(), in.getLong()), in.getLong(), in.getLong(), in.getLong());
    }
}
