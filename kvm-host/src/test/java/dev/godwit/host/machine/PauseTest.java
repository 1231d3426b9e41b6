package dev.godwit.host.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.host.boot.Elf;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.vcpu.StopReason;
import dev.godwit.images.GuestImage;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Pause always works, and the guest does not notice. */
@Tag("kvm")
@Timeout(300)
class PauseTest {
    private static final long SEED = Long.getLong("godwit.test.seed", System.nanoTime());

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void aGuestThatSpinsInRing3IsPausedAndStopped(int cpus) throws InterruptedException {
        try (Kvm kvm = Kvm.open();
                Machine machine = Guests.boot(kvm, Guests.config(8, cpus, "mode=spin"), GuestImage.HOSTILE)) {
            machine.resume();
            new GuestSerial(machine).await("SPIN");
            long[] nanos = new long[300];
            for (int i = 0; i < nanos.length; i++) {
                spin(1_000_000); // so that it is in the guest, not on its way
                long before = System.nanoTime();
                assertTrue(machine.pause());
                nanos[i] = System.nanoTime() - before;
                machine.resume();
            }
            Arrays.sort(nanos);
            System.out.printf(
                    "PauseTest: %d vCPUs, pause in us: median %d, 99 %% %d, most %d%n",
                    cpus, nanos[150] / 1000, nanos[297] / 1000, nanos[299] / 1000);
            machine.stop(Guests.ENOUGH);
            assertEquals(Guests.ENOUGH, machine.stopReason().orElseThrow());
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void theGuestContinuesExactlyAfter200Pauses(int cpus) throws InterruptedException {
        Random random = new Random(SEED);
        String commandLine = "ws=8m cold=2m pattern=random cpus=" + cpus;
        try (Kvm kvm = Kvm.open();
                Machine machine = Guests.boot(kvm, Guests.config(24, cpus, commandLine), GuestImage.DIRTIER)) {
            GuestSerial serial = Guests.ready(machine);
            for (int i = 0; i < 200; i++) {
                assertTrue(machine.pause(), "seed " + SEED);
                if (i % 20 == 0) {
                    int then = Arrays.hashCode(content(machine));
                    spin(random.nextInt(2_000_000));
                    assertEquals(then, Arrays.hashCode(content(machine)), "a paused guest writes nothing");
                }
                machine.resume();
                spin(random.nextInt(1_000_000));
            }
            Guests.verifyAndEnd(machine, serial, "seed " + SEED);
        }
    }

    private static byte[] content(Machine machine) {
        return machine.memory().segment().toArray(ValueLayout.JAVA_BYTE);
    }

    private static void spin(long nanos) {
        for (long until = System.nanoTime() + nanos; System.nanoTime() < until; ) {
            Thread.onSpinWait();
        }
    }

    /** Commands from four threads at once; then the guest's memory is right, and what must not happen has not. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void aStormOfCommandsDoesNoHarm(int cpus) throws Exception {
        try (Kvm kvm = Kvm.open();
                Machine machine = Guests.boot(kvm, Guests.config(16, cpus, "ws=4m cpus=" + cpus), GuestImage.DIRTIER)) {
            GuestSerial serial = Guests.ready(machine);
            storm(machine, 300, false);
            machine.resume();
            assertEquals(Machine.State.RUNNING, machine.state());
            Guests.verifyAndEnd(machine, serial, "seed " + SEED);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void aStormThatStopsEndsInStopped(int cpus) throws Exception {
        try (Kvm kvm = Kvm.open()) {
            for (int round = 0; round < 20; round++) {
                try (Machine machine =
                        Guests.boot(kvm, Guests.config(8, cpus, "ws=1m cpus=" + cpus), GuestImage.DIRTIER)) {
                    storm(machine, 30, true);
                    machine.stop(new StopReason(StopReason.Kind.SHUTDOWN, 0, "too late to count"));
                    assertEquals(Guests.ENOUGH, machine.stopReason().orElseThrow(), "seed " + SEED);
                    assertEquals(Guests.ENOUGH, machine.whenStopped().join());
                    machine.resume();
                    assertEquals(Machine.State.STOPPED, machine.state());
                }
            }
        }
    }

    private static void storm(Machine machine, int commands, boolean stop) throws Exception {
        int threads = 4;
        try (ExecutorService pool = Executors.newFixedThreadPool(threads)) {
            for (Future<?> done : IntStream.range(0, threads)
                    .<Future<?>>mapToObj(i -> pool.submit(() -> {
                        command(machine, new Random(SEED + i), commands, stop && i == 0);
                        return null;
                    }))
                    .toList()) {
                done.get();
            }
        }
    }

    private static void command(Machine machine, Random random, int commands, boolean stop) {
        for (int n = 0; n < commands; n++) {
            spin(random.nextInt(200_000));
            switch (random.nextInt(5)) {
                case 0, 1 -> machine.resume();
                case 2, 3 -> machine.pause();
                default -> {
                    try {
                        machine.save();
                    } catch (IllegalStateException e) {
                        assertTrue(e.getMessage().startsWith("a machine is saved while PAUSED, not "), e.toString());
                    }
                }
            }
        }
        if (stop) {
            machine.stop(Guests.ENOUGH);
        }
    }

    /** The guest leaves by itself at the very moment of a pause: it is either PAUSED, and ends later, or has ended. */
    @Test
    void aGuestThatEndsWhileItIsPausedIsNotLost() throws InterruptedException {
        Random random = new Random(SEED);
        int paused = 0;
        int rounds = 150;
        try (Kvm kvm = Kvm.open()) {
            for (int round = 0; round < rounds; round++) {
                // mov ecx, N; loop: dec ecx; jnz loop; mov al, 7; out 0xf4, al; hlt
                String turns = HexFormat.of().toHexDigits(Integer.reverseBytes(1 + random.nextInt(800)));
                try (Machine machine = Machine.boot(
                        kvm, MachineConfig.of(2 << 20), Elf.ofCode("b9" + turns + "49 75fd b007 e6f4 f4"))) {
                    machine.resume();
                    spin(random.nextInt(1_500_000));
                    if (machine.pause()) {
                        paused++;
                        assertEquals(Machine.State.PAUSED, machine.state());
                        assertTrue(machine.stopReason().isEmpty());
                        machine.resume();
                    }
                    assertEquals(7, Guests.end(machine).code(), "round " + round + ", seed " + SEED);
                }
            }
        }
        System.out.println("PauseTest: " + paused + " of " + rounds + " guests were paused before they ended");
    }
}
