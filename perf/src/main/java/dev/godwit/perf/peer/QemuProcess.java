package dev.godwit.perf.peer;

import dev.godwit.agent.config.Failure;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * One QEMU with one guest on its microvm: QMP on a Unix socket, the guest's serial port on standard input and output,
 * QEMU's own words in a file. One thread at a time.
 */
public final class QemuProcess implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final long STOP_SECONDS = 5;
    private static final long POLL_NANOS = 2_000_000;
    private static final int BUFFER = 1 << 16;

    private final Process process;
    private final Path words;
    private final QmpClient qmp;
    private final BlockingQueue<String> serial = new LinkedBlockingQueue<>();
    /** A benchmark that is interrupted leaves no guest behind that spins for ever. */
    private final Thread onInterrupt = Thread.ofPlatform().name("end-qemu").unstarted(this::kill);

    /**
     * What to boot.
     *
     * @param kernel a PVH ELF file
     * @param memoryBytes RAM, whole MiB
     * @param cpus vCPUs
     * @param commandLine for the guest
     * @param reserved whether its RAM is in reserved large pages (hugetlb)
     */
    public record Guest(Path kernel, long memoryBytes, int cpus, String commandLine, boolean reserved) {}

    /** What it is for. */
    public enum Role {
        /** It runs a guest. */
        SOURCE,
        /** It waits to be told where a migration comes from, and runs nothing before. */
        TARGET,
        /** The same, with all of the guest's RAM there from the start. */
        READY_TARGET
    }

    /**
     * Starts one.
     *
     * @param directory for its socket and its words
     * @param name of those files
     * @throws Failure with QEMU's own words when it does not come up
     */
    public QemuProcess(Qemu qemu, Guest guest, Path directory, String name, Role role) {
        words = directory.resolve(name + ".err");
        Path socket = directory.resolve(name + ".qmp");
        try {
            process = new ProcessBuilder(command(qemu, guest, socket, role))
                    .redirectError(ProcessBuilder.Redirect.to(new File(words.toString())))
                    .start();
        } catch (IOException e) {
            throw Failure.failed(qemu.program() + " does not start: " + e.getMessage());
        }
        try {
            Runtime.getRuntime().addShutdownHook(onInterrupt);
            Thread.ofVirtual().name("qemu-serial").start(this::readSerial);
            qmp = connect(socket);
        } catch (RuntimeException e) {
            throw failure(e);
        }
    }

    private static List<String> command(Qemu qemu, Guest guest, Path socket, Role role) {
        List<String> command = new ArrayList<>(List.of(qemu.program()));
        String machine = "microvm,acpi=off";
        String megabytes = (guest.memoryBytes() >> 20) + "m";
        String ready = role == Role.READY_TARGET ? ",prealloc=on" : "";
        if (guest.reserved() || !ready.isEmpty()) {
            machine += ",memory-backend=microvm.ram";
            String kind = guest.reserved() ? "memfd,hugetlb=on,hugetlbsize=2M" : "ram";
            command.addAll(
                    List.of("-object", "memory-backend-" + kind + ",id=microvm.ram" + ready + ",size=" + megabytes));
        }
        command.addAll(List.of("-M", machine, "-accel", "kvm", "-cpu", "host,-arch-capabilities"));
        command.addAll(List.of("-m", megabytes, "-smp", Integer.toString(guest.cpus())));
        command.addAll(List.of("-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"));
        // Threads by their names, so that the vCPUs' time can be told from the migration's.
        command.addAll(List.of("-name", "peer,debug-threads=on"));
        command.addAll(List.of("-chardev", "stdio,id=serial,signal=off", "-serial", "chardev:serial"));
        command.addAll(List.of("-device", "isa-debug-exit,iobase=0xf4,iosize=4"));
        command.addAll(List.of("-qmp", "unix:" + socket + ",server=on,wait=off"));
        command.addAll(List.of("-kernel", guest.kernel().toString(), "-append", guest.commandLine()));
        if (role != Role.SOURCE) {
            command.addAll(List.of("-incoming", "defer"));
        }
        return command;
    }

    /** The socket's file is there a little before somebody listens. */
    private QmpClient connect(Path socket) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (true) {
            try {
                return new QmpClient(socket, PATIENCE);
            } catch (Failure e) {
                if (!process.isAlive() || System.nanoTime() > deadline) {
                    throw e;
                }
                LockSupport.parkNanos(POLL_NANOS);
            }
        }
    }

    private void readSerial() {
        byte[] buffer = new byte[BUFFER];
        try (InputStream in = process.getInputStream()) {
            for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                serial.add(new String(buffer, 0, n, StandardCharsets.ISO_8859_1));
            }
        } catch (IOException e) {
            // It has ended.
        }
    }

    /** Its monitor. */
    public QmpClient qmp() {
        return qmp;
    }

    public long pid() {
        return process.pid();
    }

    /** Types a byte to the guest. */
    public void type(byte key) {
        try {
            OutputStream out = process.getOutputStream();
            out.write(key);
            out.flush();
        } catch (IOException e) {
            throw failure(Failure.failed("the serial port takes nothing: " + e.getMessage()));
        }
    }

    /** What the guest wrote since the last call; waits for some, and is empty after that time. */
    public String serial(Duration atMost) {
        try {
            String text = serial.poll(Math.max(0, atMost.toNanos()), TimeUnit.NANOSECONDS);
            if (text == null && !process.isAlive()) {
                throw failure(Failure.failed("the guest is gone"));
            }
            return text == null ? "" : text;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw Failure.failed("interrupted");
        }
    }

    /** Ends it, and makes a failure of what went wrong and what it said itself. */
    public Failure failure(RuntimeException cause) {
        boolean alive = process.isAlive();
        end();
        String said;
        try {
            said = Files.readString(words).strip().replace("\n", "; ");
        } catch (IOException e) {
            said = "";
        }
        return new Failure(
                Failure.Kind.FAILED,
                cause.getMessage()
                        + (alive ? "" : "; QEMU had ended with " + process.exitValue())
                        + (said.isEmpty() ? "" : "; it said: " + said),
                cause);
    }

    private void kill() {
        process.destroyForcibly();
    }

    private void end() {
        try {
            Runtime.getRuntime().removeShutdownHook(onInterrupt);
        } catch (IllegalStateException e) {
            return; // the hook is at it
        }
        process.destroy();
        try {
            if (!process.waitFor(STOP_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }

    /** Ends it, whatever it does. */
    @Override
    public void close() {
        try {
            qmp.close();
        } catch (UncheckedIOException e) {
            // It ends all the same.
        } finally {
            end();
        }
    }
}
