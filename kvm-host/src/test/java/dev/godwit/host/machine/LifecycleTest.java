package dev.godwit.host.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.bindings.linux.FileCalls;
import dev.godwit.bindings.linux.ProcessCalls;
import dev.godwit.bindings.linux.SystemCallException;
import dev.godwit.bindings.linux.gen.rlimit;
import dev.godwit.host.boot.Elf;
import dev.godwit.host.boot.ImageException;
import dev.godwit.host.boot.PvhImage;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.tracking.DirtyTracking;
import dev.godwit.host.vcpu.StopReason;
import dev.godwit.images.GuestImage;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Machines are built whole or not at all, end once, and leave nothing behind. */
@Tag("kvm")
@Timeout(300)
class LifecycleTest {
    private static final long SECOND = TimeUnit.SECONDS.toNanos(1);
    private static final PvhImage EXITS = Elf.ofCode("b007 e6f4 f4");
    private static final PvhImage HALTS = Elf.ofCode("fa f4");
    private static final MachineConfig SMALL = MachineConfig.of(2 << 20);

    private Kvm kvm;

    @BeforeEach
    void openKvm() {
        kvm = Kvm.open();
    }

    @AfterEach
    void closeKvm() {
        kvm.close();
    }

    @Test
    void closeInTheCallbackOfAGuestsOwnEnd() throws InterruptedException {
        Machine machine = Machine.boot(kvm, SMALL.withCpus(2), EXITS);
        Thread[] closer = new Thread[1];
        var closed = machine.whenStopped().thenApply(reason -> {
            closer[0] = Thread.currentThread();
            assertEquals(Machine.State.STOPPED, machine.state());
            assertFalse(machine.pause());
            machine.resume();
            machine.stop(Guests.ENOUGH);
            machine.close();
            return reason;
        });
        machine.resume();
        assertEquals(7, closed.orTimeout(60, TimeUnit.SECONDS).join().code());
        assertEquals("vcpu-0", closer[0].getName());
        assertTrue(closer[0].join(Duration.ofSeconds(60)));
        machine.close();
        assertFalse(machine.memory().segment().scope().isAlive());
    }

    @Test
    void closedTwiceStoppedTwiceAndUsedAfterwards() {
        Machine machine = Machine.boot(kvm, SMALL, HALTS);
        machine.resume();
        machine.close();
        machine.close();
        machine.stop(Guests.ENOUGH);
        machine.resume();
        assertFalse(machine.pause());
        assertEquals(StopReason.Kind.STOPPED, machine.stopReason().orElseThrow().kind());
        assertThrows(IllegalStateException.class, machine::save);
        assertTrue(machine.serialLog().ended());
        assertEquals(0, machine.serialLog().read(0, 10).bytes().length);
    }

    @Test
    void waitingTakesAnyDuration() throws InterruptedException {
        try (Machine machine = Machine.boot(kvm, SMALL, EXITS)) {
            assertTrue(machine.awaitStop(Duration.ZERO).isEmpty());
            machine.resume();
            assertEquals(
                    7,
                    machine.awaitStop(ChronoUnit.FOREVER.getDuration())
                            .orElseThrow()
                            .code());
        }
    }

    /** The image's code only halts: what counts is that the machine with this much RAM can be built and run. */
    @ParameterizedTest
    @ValueSource(
            longs = {2 << 20, (2 << 20) + 4096, 3L << 30, (3L << 30) + 4096, (4L << 30) + 4096, (5L << 30) + (3 << 20)})
    void memoryOfUnusualSizes(long bytes) throws InterruptedException {
        for (DirtyTracking tracking : DirtyTracking.values()) {
            try (Machine machine = Machine.boot(kvm, MachineConfig.of(bytes).withDirtyTracking(tracking), EXITS)) {
                machine.dirtyTracker().start();
                machine.resume();
                assertEquals(7, Guests.end(machine).code());
                machine.dirtyTracker().stop();
            }
        }
    }

    @Test
    void anImageThatDoesNotFitIsRefusedInOneLine() {
        String message = assertThrows(
                        ImageException.class, () -> Guests.boot(kvm, Guests.config(2, 1, ""), GuestImage.DIRTIER))
                .getMessage();
        assertTrue(
                message.matches("image dirtier needs memory up to 0x[0-9a-f]+ \\(\\d MiB\\), the guest has 2 MiB"),
                message);
    }

    @Test
    void aMachineTheHostCannotBuildIsRefusedInOneLine() {
        MachineConfig noDisk = SMALL.withDisks(List.of(new MachineConfig.Disk(Path.of("/nonexistent/disk"), false)));
        String disk = refusal(() -> Machine.boot(kvm, noDisk, HALTS));
        assertTrue(disk.contains("/nonexistent/disk"), disk);
        MachineConfig reserved = MachineConfig.of(1L << 40).withLargePages(LargePages.HUGETLB);
        String hugetlb = refusal(() -> Machine.empty(kvm, reserved));
        assertTrue(hugetlb.startsWith("this host cannot build the machine: mmap of hugetlb guest RAM"), hugetlb);
    }

    private static String refusal(Supplier<Machine> building) {
        String message = assertThrows(
                        MachineConfigException.class, () -> building.get().close())
                .getMessage();
        assertFalse(message.contains("\n"), message);
        return message;
    }

    /** With room for 0, 1, 2, … more descriptors, until it is enough. */
    @Test
    void withoutDescriptorsItIsRefusedAndNothingLeaks() throws IOException {
        MachineConfig config = SMALL.withCpus(3);
        Machine.boot(kvm, config, HALTS).close();
        long before = descriptors();
        int failures = 0;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment limits = rlimit.allocate(arena);
            SystemCallException.check(ProcessCalls.getrlimit(ProcessCalls.RLIMIT_NOFILE, limits), "getrlimit");
            long usual = rlimit.rlim_cur(limits);
            for (int room = 0; ; room++) {
                String message = null;
                limit(limits, lowestFree() + room);
                try {
                    Machine.boot(kvm, config, HALTS).close();
                } catch (MachineConfigException e) {
                    message = e.getMessage();
                } finally {
                    limit(limits, usual);
                }
                if (message == null) {
                    break;
                }
                assertTrue(message.startsWith("this host cannot build the machine: KVM_CREATE_"), message);
                assertTrue(message.contains("EMFILE"), message);
                failures++;
            }
        }
        assertTrue(failures >= 3, failures + " failures");
        awaitDescriptors(before);
    }

    private static long lowestFree() {
        int fd = SystemCallException.checkInt(FileCalls.open("/dev/null", FileCalls.O_RDONLY), "open");
        FileCalls.close(fd);
        return fd;
    }

    private static void limit(MemorySegment limits, long most) {
        rlimit.rlim_cur(limits, most);
        SystemCallException.check(ProcessCalls.setrlimit(ProcessCalls.RLIMIT_NOFILE, limits), "setrlimit");
    }

    @Test
    void twoHundredMachinesLeaveNothing() throws Exception {
        for (int i = 0; i < 30; i++) {
            cycle(i);
        }
        settle();
        long descriptors = descriptors();
        long threads = count("/proc/self/task");
        long mappings = mappings();
        long start = System.nanoTime();
        for (int i = 0; i < 200; i++) {
            cycle(i);
        }
        System.out.printf(
                "LifecycleTest: 200 machines built, run and closed in %d ms%n",
                (System.nanoTime() - start) / 1_000_000);
        settle();
        awaitDescriptors(descriptors);
        assertTrue(count("/proc/self/task") <= threads + 3, "threads: " + threads + " before");
        assertTrue(mappings() <= mappings + 20, "mappings: " + mappings + " before, " + mappings() + " after");
    }

    private void cycle(int i) throws InterruptedException {
        MachineConfig config = MachineConfig.of(4 << 20)
                .withCpus(1 + i % 4)
                .withDirtyTracking(i % 2 == 0 ? DirtyTracking.LOG : DirtyTracking.RING);
        switch (i % 4) {
            case 0 -> Machine.empty(kvm, config).close();
            case 1 ->
                assertThrows(
                        ImageException.class, () -> Machine.boot(kvm, config.withCommandLine("x".repeat(5000)), EXITS));
            default -> {
                try (Machine machine = Machine.boot(kvm, config, i % 4 == 2 ? EXITS : HALTS)) {
                    machine.resume();
                    if (i % 4 == 2) {
                        assertEquals(7, Guests.end(machine).code());
                    }
                }
            }
        }
    }

    /** A thread that has been joined may still be on its way out in the kernel. */
    private static void settle() throws IOException {
        long deadline = System.nanoTime() + 10 * SECOND;
        while (vcpuThreads() > 0 && System.nanoTime() < deadline) {
            Thread.onSpinWait();
        }
        assertEquals(0, vcpuThreads());
    }

    private static long vcpuThreads() throws IOException {
        try (Stream<Path> tasks = Files.list(Path.of("/proc/self/task"))) {
            return tasks.filter(task -> {
                        try {
                            return Files.readString(task.resolve("comm")).startsWith("vcpu-");
                        } catch (IOException e) {
                            return false;
                        }
                    })
                    .count();
        }
    }

    /** The JVM has some of its own, and opens and closes them as it likes; what leaks stays. */
    private static void awaitDescriptors(long atMost) throws IOException {
        long deadline = System.nanoTime() + 10 * SECOND;
        while (descriptors() > atMost && System.nanoTime() < deadline) {
            Thread.onSpinWait();
        }
        long now = descriptors();
        assertTrue(now <= atMost, now + " descriptors, " + atMost + " before");
    }

    private static long descriptors() throws IOException {
        return count("/proc/self/fd");
    }

    private static long mappings() throws IOException {
        return Files.readAllLines(Path.of("/proc/self/maps")).size();
    }

    private static long count(String folder) throws IOException {
        try (Stream<Path> entries = Files.list(Path.of(folder))) {
            return entries.count();
        }
    }
}
