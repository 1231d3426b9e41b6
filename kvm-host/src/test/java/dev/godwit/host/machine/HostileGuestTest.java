package dev.godwit.host.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.vcpu.StopReason;
import dev.godwit.host.vcpu.StopReason.Kind;
import dev.godwit.images.GuestImage;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A guest can end itself, and nothing else. */
@Tag("kvm")
@Timeout(300)
class HostileGuestTest {
    private static final long SEED = Long.getLong("godwit.test.seed", System.nanoTime());

    private static StopReason run(Kvm kvm, String commandLine) throws InterruptedException {
        try (Machine machine = Guests.boot(kvm, Guests.config(8, 1, commandLine), GuestImage.HOSTILE)) {
            machine.resume();
            return Guests.end(machine);
        }
    }

    @Test
    void endsOfItsOwn() throws InterruptedException {
        try (Kvm kvm = Kvm.open()) {
            assertEquals(Kind.TRIPLE_FAULT, run(kvm, "mode=triple").kind());
            assertEquals(Kind.RESET, run(kvm, "mode=reset").kind());
            StopReason chatter = run(kvm, "mode=chatter bytes=20000");
            assertEquals(new StopReason(Kind.EXIT, 0, "the guest exited with 0"), chatter);
        }
    }

    @Test
    void aGuestThatFloodsTheSerialPortIsStopped() throws InterruptedException {
        try (Kvm kvm = Kvm.open();
                Machine machine = Guests.boot(kvm, Guests.config(8, 1, "mode=chatter"), GuestImage.HOSTILE)) {
            machine.resume();
            assertTrue(machine.serialLog().awaitMore(20_000, GuestSerial.PATIENCE));
            assertTrue(machine.pause());
            long said = machine.serialLog().endOffset();
            machine.resume();
            assertTrue(machine.serialLog().awaitMore(said, GuestSerial.PATIENCE));
            machine.stop(Guests.ENOUGH);
            assertEquals(Guests.ENOUGH, Guests.end(machine));
        }
    }

    @Test
    void aGuestThatHaltsForGoodIsStopped() throws InterruptedException {
        try (Kvm kvm = Kvm.open();
                Machine machine = Guests.boot(kvm, Guests.config(8, 1, "mode=halt"), GuestImage.HOSTILE)) {
            machine.resume();
            new GuestSerial(machine).await("HALT");
            assertTrue(machine.pause());
            machine.resume();
            machine.stop(Guests.ENOUGH);
            assertEquals(Guests.ENOUGH, Guests.end(machine));
        }
    }

    /**
     * Every port and address, several guests at once. On some hosts KVM itself ends such a guest with a triple fault;
     * either way this process and the guest beside it go on.
     */
    @Test
    void accessesToEveryPortAndAddressHarmNobodyElse() throws InterruptedException {
        Random random = new Random(SEED);
        try (Kvm kvm = Kvm.open();
                Machine neighbour = Guests.boot(kvm, Guests.config(16, 1, "ws=4m rate=5000"), GuestImage.DIRTIER)) {
            GuestSerial serial = Guests.ready(neighbour);
            List<Machine> hostile = new ArrayList<>();
            List<String> ends = new ArrayList<>();
            try {
                for (int i = 0; i < 5; i++) {
                    String commandLine = "mode=ports count=4000 seed=" + random.nextInt(1, 1 << 30);
                    hostile.add(Guests.boot(kvm, Guests.config(8, 1, commandLine), GuestImage.HOSTILE));
                    hostile.getLast().resume();
                }
                for (Machine machine : hostile) {
                    StopReason reason = Guests.end(machine);
                    boolean fine =
                            reason.kind() == Kind.TRIPLE_FAULT || (reason.kind() == Kind.EXIT && reason.code() == 0);
                    assertTrue(fine, reason + " of " + machine.config().commandLine());
                    ends.add(reason.kind().text());
                }
            } finally {
                hostile.forEach(Machine::close);
            }
            System.out.println("HostileGuestTest: ports ended by " + ends + ", seed " + SEED);
            Guests.verifyAndEnd(neighbour, serial, "seed " + SEED);
        }
    }
}
