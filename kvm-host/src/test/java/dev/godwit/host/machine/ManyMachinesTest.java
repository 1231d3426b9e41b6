package dev.godwit.host.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.vcpu.StopReason.Kind;
import dev.godwit.images.GuestImage;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A hundred guests write memory at once, one of them dies, and no other notices. */
@Tag("kvm")
@Tag("soak")
@Timeout(600)
class ManyMachinesTest {
    private static final int MACHINES = 100;
    private static final int VICTIM = 42;

    @Test
    void oneOfAHundredDies() throws InterruptedException {
        List<Machine> machines = new ArrayList<>();
        List<GuestSerial> serials = new ArrayList<>();
        long start = System.nanoTime();
        try (Kvm kvm = Kvm.open()) {
            try {
                for (int i = 0; i < MACHINES; i++) {
                    Machine machine = i == VICTIM
                            ? Guests.boot(kvm, Guests.config(16, 1, "mode=triple"), GuestImage.HOSTILE)
                            : Guests.boot(
                                    kvm,
                                    Guests.config(16, 1, "rate=2000 sweep=100 ws=2m seed=" + i),
                                    GuestImage.DIRTIER);
                    machines.add(machine);
                    serials.add(new GuestSerial(machine));
                }
                // Not while they are built: a guest that polls takes the processor from who waits for the kernel.
                for (int i = 0; i < MACHINES; i++) {
                    if (i != VICTIM) {
                        machines.get(i).resume();
                    }
                }
                for (int i = 0; i < MACHINES; i++) {
                    if (i != VICTIM) {
                        serials.get(i).await("READY ");
                    }
                }
                machines.get(VICTIM).resume();
                assertEquals(Kind.TRIPLE_FAULT, Guests.end(machines.get(VICTIM)).kind());
                for (int i = 0; i < MACHINES; i++) {
                    if (i != VICTIM) {
                        assertEquals(Machine.State.RUNNING, machines.get(i).state());
                        serials.get(i).send('q');
                    }
                }
                for (int i = 0; i < MACHINES; i++) {
                    if (i != VICTIM) {
                        String report = serials.get(i).await("REPORT ");
                        assertTrue(report.contains(" errors=0 "), "guest " + i + ": " + report);
                        assertEquals(0, Guests.end(machines.get(i)).code());
                    }
                }
            } finally {
                machines.forEach(Machine::close);
            }
        }
        System.out.printf("ManyMachinesTest: %d ms%n", (System.nanoTime() - start) / 1_000_000);
    }
}
