package dev.godwit.host.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.host.boot.PvhImage;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.vcpu.StopReason;
import dev.godwit.images.GuestImage;
import java.lang.foreign.MemorySegment;

/** Machines for tests. */
final class Guests {
    static final StopReason ENOUGH = new StopReason(StopReason.Kind.STOPPED, 0, "the test has seen enough");
    private static final long MIB = 1 << 20;

    private Guests() {}

    static PvhImage image(GuestImage guest) {
        return PvhImage.parse(guest.imageName(), MemorySegment.ofArray(guest.bytes()));
    }

    static MachineConfig config(long mebibytes, int cpus, String commandLine) {
        return MachineConfig.of(mebibytes * MIB).withCpus(cpus).withCommandLine(commandLine);
    }

    static Machine boot(Kvm kvm, MachineConfig config, GuestImage guest) {
        return Machine.boot(kvm, config, image(guest));
    }

    /** A running dirtier that has filled its memory. */
    static GuestSerial ready(Machine machine) throws InterruptedException {
        GuestSerial serial = new GuestSerial(machine);
        machine.resume();
        serial.await("READY ");
        return serial;
    }

    /** Lets a dirtier check all its memory and end. */
    static void verifyAndEnd(Machine machine, GuestSerial serial, String what) throws InterruptedException {
        serial.send('q');
        String report = serial.await("REPORT ");
        assertTrue(report.contains(" errors=0 "), what + ": " + report);
        assertEquals(new StopReason(StopReason.Kind.EXIT, 0, "the guest exited with 0"), end(machine), what);
    }

    static StopReason end(Machine machine) throws InterruptedException {
        return machine.awaitStop(GuestSerial.PATIENCE)
                .orElseThrow(() -> new AssertionError("the guest did not end; it is " + machine.state()));
    }
}
