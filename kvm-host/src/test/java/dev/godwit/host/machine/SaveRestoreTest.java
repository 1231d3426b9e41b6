package dev.godwit.host.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.state.ElapsedTime;
import dev.godwit.host.state.MachineState;
import dev.godwit.host.state.StateFormatException;
import dev.godwit.images.GuestImage;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** A guest is taken out of one machine and goes on in another, several times. */
@Tag("kvm")
@Timeout(300)
class SaveRestoreTest {
    private static final int HOPS = 6;

    @TempDir
    private Path folder;

    @ParameterizedTest
    @CsvSource({"1, ADVANCE", "1, FREEZE", "2, ADVANCE", "2, FREEZE"})
    void theDirtierGoesOn(int cpus, ElapsedTime elapsed) throws InterruptedException {
        String commandLine = "ws=8m cold=2m pattern=random cpus=" + cpus;
        try (Kvm kvm = Kvm.open()) {
            Machine machine = Guests.boot(kvm, Guests.config(24, cpus, commandLine), GuestImage.DIRTIER);
            GuestSerial serial = Guests.ready(machine);
            for (int hop = 0; hop < HOPS; hop++) {
                machine = moved(kvm, machine, elapsed);
                serial = serial.continuedBy(machine);
                machine.resume();
                serial.send('v');
                String line = serial.await("VERIFIED ");
                assertTrue(line.endsWith(" errors=0"), line);
            }
            Guests.verifyAndEnd(machine, serial, "after " + HOPS + " machines");
            machine.close();
        }
    }

    @Test
    void aGuestWithADiskGoesOn() throws IOException, InterruptedException {
        Path disk = Files.write(folder.resolve("disk"), new byte[8 << 20]);
        MachineConfig config = Guests.config(16, 1, "write=before loop=forever")
                .withDisks(List.of(new MachineConfig.Disk(disk, false)));
        try (Kvm kvm = Kvm.open()) {
            Machine machine = Guests.boot(kvm, config, GuestImage.BLK);
            GuestSerial serial = Guests.ready(machine);
            for (int hop = 0; hop < HOPS; hop++) {
                machine = moved(kvm, machine, ElapsedTime.ADVANCE);
                serial = serial.continuedBy(machine);
                machine.resume();
                serial.send('v');
                String line = serial.await("VERIFIED ");
                assertTrue(line.endsWith(" errors=0"), line);
            }
            Guests.verifyAndEnd(machine, serial, "after " + HOPS + " machines");
            machine.close();
        }
    }

    /** Through bytes, as over a wire; the first machine is gone before the second is there. */
    private static Machine moved(Kvm kvm, Machine from, ElapsedTime elapsed) {
        assertTrue(from.pause());
        SavedMachine saved = from.save();
        assertEquals(List.of(), saved.notSaved());
        byte[] state = saved.state().encode();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment ram = arena.allocate(from.memory().size(), 4096);
            ram.copyFrom(from.memory().segment());
            from.close();
            Machine to = Machine.empty(kvm, from.config());
            to.memory().segment().copyFrom(ram);
            List<String> notRestored = to.restore(MachineState.decode(state), elapsed);
            // A host that gives every guest its own counter cannot turn it back, and says so.
            List<String> unexpected = notRestored.stream()
                    .filter(what -> elapsed == ElapsedTime.ADVANCE || !what.endsWith("value of the time-stamp counter"))
                    .toList();
            assertEquals(List.of(), unexpected);
            return to;
        }
    }

    @ParameterizedTest
    @EnumSource(GuestImage.class)
    void anotherMachinesStateIsRefused(GuestImage guest) {
        MachineConfig config = Guests.config(8, 1, "");
        try (Kvm kvm = Kvm.open();
                Machine one = Guests.boot(kvm, config, guest);
                Machine two = Machine.empty(kvm, config.withCpus(2))) {
            SavedMachine saved = one.save();
            StateFormatException e =
                    assertThrows(StateFormatException.class, () -> two.restore(saved.state(), ElapsedTime.FREEZE));
            assertTrue(e.getMessage().contains("sections"), e.getMessage());
            one.resume();
            assertThrows(IllegalStateException.class, () -> one.restore(saved.state(), ElapsedTime.FREEZE));
        }
    }
}
