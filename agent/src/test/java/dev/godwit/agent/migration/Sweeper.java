package dev.godwit.agent.migration;

import dev.godwit.host.boot.PvhImage;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.machine.MachineConfig;
import dev.godwit.images.GuestImage;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HexFormat;

/**
 * A guest that does nothing but read its memory, from 16 to 80 MiB one page after the other: it prints {@code F} when it
 * has written each page's address into it, {@code .} whenever it has found them all, and {@code B} at another. It stays in
 * ring 0 without paging, where KVM that emulates that waits for a missing page in a way that no signal ends.
 */
final class Sweeper {
    /** What {@link #boot} has to have of memory. */
    static final long MEMORY = 96 << 20;

    private static final String CODE = "66 ba f8 03" // mov dx, 0x3f8
            + "be 00 00 00 01" // mov esi, 16 MiB
            + "89 36" // fill: mov [esi], esi
            + "81 c6 00 10 00 00" // add esi, 4096
            + "81 fe 00 00 00 05" // cmp esi, 80 MiB
            + "72 f0" // jb fill
            + "b0 46 ee b0 0a ee" // "F\n"
            + "be 00 00 00 01" // sweep: mov esi, 16 MiB
            + "39 36" // check: cmp [esi], esi
            + "75 1d" // jne bad
            + "b9 64 00 00 00 e2 fe" // mov ecx, 100; loop: not all at once
            + "81 c6 00 10 00 00" // add esi, 4096
            + "81 fe 00 00 00 05" // cmp esi, 80 MiB
            + "72 e7" // jb check
            + "b0 2e ee b0 0a ee" // ".\n"
            + "eb da" // jmp sweep
            + "b0 42 ee b0 0a ee" // bad: "B\n"
            + "eb fe"; // for ever

    /** KVM keeps its clock in a page at 90 MiB, which it never looks at. */
    private static final String CLOCK = "b9 01 4d 56 4b" // mov ecx, MSR_KVM_SYSTEM_TIME_NEW
            + "b8 01 08 a0 05" // mov eax, 90 MiB + 0x800 + 1
            + "31 d2 0f 30"; // xor edx, edx; wrmsr

    private Sweeper() {}

    /** PAUSED at its first instruction. */
    static Machine boot(Kvm kvm, MachineConfig config) throws Exception {
        return boot(kvm, config, CODE);
    }

    /** The same, of one with a clock page that is as cold as can be. */
    static Machine bootWithClock(Kvm kvm, MachineConfig config) throws Exception {
        return boot(kvm, config, CLOCK + CODE);
    }

    private static Machine boot(Kvm kvm, MachineConfig config, String hex) throws Exception {
        try (Arena arena = Arena.ofConfined()) {
            PvhImage image = PvhImage.open(GuestImage.DIRTIER.path(), arena);
            Machine machine = Machine.boot(kvm, config, image);
            byte[] code = HexFormat.of().parseHex(hex.replace(" ", ""));
            machine.memory().slice(image.entry(), code.length).copyFrom(MemorySegment.ofArray(code));
            return machine;
        }
    }

    /** Waits until it has found all of its memory from the first page to the last. */
    static void verify(Machine machine) throws InterruptedException {
        long from = machine.serialLog().endOffset();
        GuestTalk.await(machine, from, ".");
        from = machine.serialLog().endOffset();
        GuestTalk.await(machine, from, ".");
    }
}
