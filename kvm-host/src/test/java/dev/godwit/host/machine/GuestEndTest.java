package dev.godwit.host.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.host.boot.Elf;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.vcpu.StopReason;
import dev.godwit.host.vcpu.StopReason.Kind;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.EnumSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A few bytes of guest code each, and how they end. */
@Tag("kvm")
@Timeout(120)
class GuestEndTest {
    private static final MachineConfig CONFIG = MachineConfig.of(2 << 20);

    /** mov eax, 5; out 0xf4, al; hlt. */
    private static final String EXIT_5 = "b8 05000000 e6 f4 f4";

    private Kvm kvm;

    @BeforeEach
    void openKvm() {
        kvm = Kvm.open();
    }

    @AfterEach
    void closeKvm() {
        kvm.close();
    }

    private interface Look {
        void at(Machine machine);
    }

    private StopReason run(String code, Look look) throws InterruptedException {
        try (Machine machine = Machine.boot(kvm, CONFIG, Elf.ofCode(code))) {
            machine.resume();
            StopReason reason = Guests.end(machine);
            assertEquals(Machine.State.STOPPED, machine.state());
            assertEquals(reason, machine.stopReason().orElseThrow());
            look.at(machine);
            return reason;
        }
    }

    private StopReason run(String code) throws InterruptedException {
        return run(code, machine -> {});
    }

    // mov eax, VALUE; mov edx, 0xf4; out dx, al | ax | eax
    @ParameterizedTest
    @CsvSource({
        "b8 03020185 ba f4000000 ee, 3, 7",
        "b8 03020185 ba f4000000 66ef, 515, 7",
        "b8 03020105 ba f4000000 ef, 83952131, 7",
        "b8 ffffffff ba f4000000 ee, 255, 255"
    })
    void theExitDevice(String code, int value, int status) throws InterruptedException {
        StopReason reason = run(code);
        assertEquals(new StopReason(Kind.EXIT, value, "the guest exited with " + value), reason);
        assertEquals(status, reason.exitStatus());
    }

    @Test
    void resetAndTripleFault() throws InterruptedException {
        assertEquals(Kind.RESET, run("b0 fe e6 64 f4").kind());
        // lidt of six zero bytes; ud2
        assertEquals(Kind.TRIPLE_FAULT, run("0f011d 00000600 0f0b").kind());
    }

    @Test
    void codeWhereThereIsNoMemory() throws InterruptedException {
        // mov eax, 0xd0000000; jmp eax
        StopReason reason = run("b8 000000d0 ffe0");
        assertTrue(EnumSet.of(Kind.KVM_ERROR, Kind.TRIPLE_FAULT).contains(reason.kind()), reason.toString());
    }

    @Test
    void portsNobodyHasReadAsOnes() throws InterruptedException {
        // xor eax, eax; mov edx, 0x5000; in al, dx; mov [0x10000], eax; in ax, dx; …; in eax, dx; …; out
        String code = "31c0 ba 00500000 ec a3 00000100 66ed a3 04000100 ed a3 08000100 ef 66ef ee" + EXIT_5;
        run(code, machine -> {
            assertEquals(0xff, word(machine, 0x10000));
            assertEquals(0xffff, word(machine, 0x10004));
            assertEquals(-1, word(machine, 0x10008));
        });
    }

    @Test
    void addressesWithoutMemoryReadAsOnes() throws InterruptedException {
        // xor eax, eax; mov al, [0xd0000000]; mov [0x10000], eax; ax; eax; then writes
        String code = "31c0 a0 000000d0 a3 00000100 66a1 000000d0 a3 04000100 a1 000000d0 a3 08000100"
                + "a2 000000d0 66a3 000000d0 a3 000000d0" + EXIT_5;
        run(code, machine -> {
            assertEquals(0xff, word(machine, 0x10000));
            assertEquals(0xffff, word(machine, 0x10004));
            assertEquals(-1, word(machine, 0x10008));
        });
    }

    @Test
    void stringOutputIsSerialOutput() throws InterruptedException {
        // mov esi, 0x100000; mov ecx, 5000; mov edx, 0x3f8; rep outsb
        String code = "fc be 00001000 b9 88130000 ba f8030000 f3 6e" + EXIT_5;
        run(code, machine -> {
            byte[] said = machine.serialLog().read(0, 10_000).bytes();
            assertEquals(5000, said.length);
            byte[] start = machine.memory().slice(0x100000, 5000).toArray(ValueLayout.JAVA_BYTE);
            assertEquals(new String(start, StandardCharsets.ISO_8859_1), new String(said, StandardCharsets.ISO_8859_1));
        });
    }

    @Test
    void stringInputReachesMemory() throws InterruptedException {
        // mov edi, 0x10000; mov ecx, 2000; mov edx, 0x5000; rep insd
        String code = "fc bf 00000100 b9 d0070000 ba 00500000 f3 6d" + EXIT_5;
        run(code, machine -> {
            for (int i = 0; i < 2000; i++) {
                assertEquals(-1, word(machine, 0x10000 + 4 * i));
            }
            assertEquals(0, word(machine, 0x10000 + 8000));
        });
    }

    @Test
    void aHaltedGuestCanBePausedSavedAndStopped() throws InterruptedException {
        // cli; hlt; then an exit that must not come
        try (Machine machine = Machine.boot(kvm, CONFIG, Elf.ofCode("fa f4" + EXIT_5))) {
            for (int i = 0; i < 100; i++) {
                machine.resume();
                assertTrue(machine.pause());
            }
            assertTrue(machine.save().state().sections().size() > 3);
            machine.resume();
            machine.stop(Guests.ENOUGH);
            assertEquals(Guests.ENOUGH, Guests.end(machine));
        }
    }

    @Test
    void theFirstInstructionIsTimed() throws InterruptedException {
        // The first run loads classes; the others show what it takes.
        for (int i = 0; i < 5; i++) {
            long before = System.nanoTime();
            run("b0 01 e6 f8" + EXIT_5, machine -> {
                long after = machine.firstInstructionNanos().orElseThrow() - before;
                assertTrue(after > 0);
                System.out.println("GuestEndTest: first instruction " + after / 1000 + " us after the start of boot");
            });
        }
    }

    private static int word(Machine machine, long gpa) {
        GuestMemory memory = machine.memory();
        return memory.slice(gpa, 4).get(ValueLayout.JAVA_INT, 0);
    }
}
