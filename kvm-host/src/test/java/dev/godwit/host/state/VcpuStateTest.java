package dev.godwit.host.state;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.bindings.kvm.KvmIoctl;
import dev.godwit.bindings.kvm.gen.kvm_debugregs;
import dev.godwit.bindings.kvm.gen.kvm_msr_entry;
import dev.godwit.bindings.kvm.gen.kvm_regs;
import dev.godwit.bindings.kvm.gen.kvm_segment;
import dev.godwit.bindings.kvm.gen.kvm_sregs;
import dev.godwit.bindings.kvm.gen.kvm_vcpu_events;
import dev.godwit.bindings.kvm.gen.kvm_xsave;
import dev.godwit.bindings.linux.SystemCallException;
import dev.godwit.host.kvm.CpuId;
import dev.godwit.host.kvm.Vcpu;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.raw.RawGuest;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Tag("kvm")
@Timeout(120)
class VcpuStateTest {
    private static final long SEED = Long.getLong("godwit.test.seed", System.nanoTime());

    private static final int KINDS = 11;
    private static final int LAPIC = 7;
    private static final int MSRS = 10;
    private static final int TSC = 11;

    /** Registers that tell the time: the counter's deadline, Hyper-V's run time and reference counter. */
    private static final List<Integer> CLOCKS = List.of(0x6e0, 0x40000010, 0x40000020);

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void survivesTheWayIntoAnotherVm(boolean chips) {
        Random random = new Random(SEED);
        try (GuestMemory memory = GuestMemory.allocate(4 << 20, LargePages.THP)) {
            for (int i = 0; i < 20; i++) {
                try (RawGuest source = new RawGuest(memory, 2, chips);
                        RawGuest target = new RawGuest(memory, 2, chips)) {
                    source.load(new byte[] {(byte) 0xf4});
                    source.vcpus.forEach(vcpu -> randomize(vcpu, random));
                    VcpuState from = new VcpuState(source.kvm, source.vm);
                    VcpuState to = new VcpuState(target.kvm, target.vm);
                    for (int id = 0; id < 2; id++) {
                        Saved first = from.save(source.vcpus.get(id));
                        List<String> refused = to.restore(target.vcpus.get(id), first.section(), ElapsedTime.FREEZE);
                        Saved second = to.save(target.vcpus.get(id));
                        assertEquals(first.notSaved(), second.notSaved());
                        assertSame(first.section(), second.section(), refused, "vCPU " + id + ", seed " + SEED);
                    }
                }
            }
        }
    }

    @Test
    void theCounterGoesOnOrStandsStill() {
        try (GuestMemory memory = GuestMemory.allocate(4 << 20, LargePages.THP);
                RawGuest source = new RawGuest(memory, 1, true);
                RawGuest frozen = new RawGuest(memory, 1, true);
                RawGuest advanced = new RawGuest(memory, 1, true)) {
            source.load(new byte[] {(byte) 0xf4});
            VcpuState state = new VcpuState(source.kvm, source.vm);
            byte[] section = state.save(source.vcpus.getFirst()).section();
            // As if saved a minute ago.
            long kiloHertz;
            long saved;
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment record = new RecordTable(arena, "vCPU", section, KINDS).required(TSC);
                kiloHertz = TimeRecord.kiloHertz(record);
                saved = TimeRecord.guest(record);
                long at = section.length - TimeRecord.BYTES;
                MemorySegment bytes = MemorySegment.ofArray(section);
                assertEquals(TimeRecord.host(record), bytes.get(ValueLayout.JAVA_LONG_UNALIGNED, at + 8));
                bytes.set(ValueLayout.JAVA_LONG_UNALIGNED, at + 8, TimeRecord.host(record) - 60_000_000_000L);
            }
            assertCounter(frozen, section, ElapsedTime.FREEZE, saved, kiloHertz * 1000);
            assertCounter(advanced, section, ElapsedTime.ADVANCE, saved + kiloHertz * 60_000, kiloHertz * 1000);
        }
    }

    /** The counter is there within seconds, or the report says that it is not. */
    private static void assertCounter(
            RawGuest guest, byte[] section, ElapsedTime elapsed, long wanted, long ticksPerSecond) {
        VcpuState state = new VcpuState(guest.kvm, guest.vm);
        List<String> missing = state.restore(guest.vcpus.getFirst(), section, elapsed);
        try (Arena arena = Arena.ofConfined()) {
            byte[] again = state.save(guest.vcpus.getFirst()).section();
            long value = TimeRecord.guest(new RecordTable(arena, "vCPU", again, KINDS).required(TSC));
            boolean right = Math.abs(value - wanted) < 10 * ticksPerSecond;
            assertTrue(
                    right != missing.contains("value of the time-stamp counter"),
                    elapsed + " is " + (value - wanted) / (double) ticksPerSecond + " s off, report: " + missing);
        }
    }

    @Test
    void aGuestFitsTheHostItRunsOn() {
        try (GuestMemory memory = GuestMemory.allocate(4 << 20, LargePages.THP);
                RawGuest source = new RawGuest(memory, 1, true);
                RawGuest target = new RawGuest(memory, 1, true)) {
            source.load(new byte[] {(byte) 0xf4});
            byte[] section = new VcpuState(source.kvm, source.vm)
                    .save(source.vcpus.getFirst())
                    .section();
            // What a vCPU really has, not what KVM lists: a host may give every guest more than it lists.
            target.vcpus.getFirst().setCpuId(target.kvm.supportedCpuId());
            CpuId host = target.vcpus.getFirst().cpuId();
            assertEquals(List.of(), CpuIdCheck.missing(VcpuState.cpuId(section), host));
        }
    }

    @Test
    void survivesHostileBytes() {
        Random random = new Random(SEED);
        try (GuestMemory memory = GuestMemory.allocate(4 << 20, LargePages.THP);
                RawGuest source = new RawGuest(memory, 1, true);
                RawGuest target = new RawGuest(memory, 1, true)) {
            source.load(new byte[] {(byte) 0xf4});
            randomize(source.vcpus.getFirst(), random);
            byte[] good = new VcpuState(source.kvm, source.vm)
                    .save(source.vcpus.getFirst())
                    .section();
            VcpuState state = new VcpuState(target.kvm, target.vm);
            int refused = 0;
            for (int i = 0; i < 3000; i++) {
                byte[] bad = MachineStateTest.mutate(random, good);
                try {
                    state.restore(target.vcpus.getFirst(), bad, ElapsedTime.ADVANCE);
                } catch (StateFormatException | SystemCallException e) {
                    refused++;
                    assertTrue(e.getMessage().indexOf('\n') < 0);
                } catch (RuntimeException e) {
                    throw new AssertionError("iteration " + i + ", seed " + SEED, e);
                }
            }
            assertTrue(refused > 100, refused + " refused");
        }
    }

    @Test
    void saysWhatIsMissing() {
        try (GuestMemory memory = GuestMemory.allocate(4 << 20, LargePages.THP);
                RawGuest plain = new RawGuest(memory, 1, false);
                RawGuest chips = new RawGuest(memory, 1, true)) {
            plain.load(new byte[] {(byte) 0xf4});
            byte[] section = new VcpuState(plain.kvm, plain.vm)
                    .save(plain.vcpus.getFirst())
                    .section();
            VcpuState target = new VcpuState(chips.kvm, chips.vm);
            assertEquals(
                    "state of the vCPU has no local APIC, this VM's vCPUs have one",
                    assertThrows(
                                    StateFormatException.class,
                                    () -> target.restore(chips.vcpus.getFirst(), section, ElapsedTime.FREEZE))
                            .getMessage());
            assertEquals(
                    "state of the vCPU has no record of kind 1",
                    assertThrows(
                                    StateFormatException.class,
                                    () -> target.restore(chips.vcpus.getFirst(), new byte[0], ElapsedTime.FREEZE))
                            .getMessage());
        }
    }

    private static void randomize(Vcpu vcpu, Random random) {
        try (Arena arena = Arena.ofConfined()) {
            RawGuest.setRegisters(vcpu, regs -> {
                for (long at = 0; at < kvm_regs.rip$offset(); at += 8) {
                    regs.set(ValueLayout.JAVA_LONG, at, random.nextLong());
                }
                kvm_regs.rflags(regs, 2 | random.nextInt(2) << 6 | random.nextInt(2) << 11);
            });
            change(vcpu, KvmIoctl.KVM_GET_SREGS, KvmIoctl.KVM_SET_SREGS, kvm_sregs.allocate(arena), sregs -> {
                kvm_sregs.cr2(sregs, random.nextLong());
                kvm_segment.base(kvm_sregs.fs(sregs), random.nextLong() >> 17);
            });
            change(
                    vcpu,
                    KvmIoctl.KVM_GET_DEBUGREGS,
                    KvmIoctl.KVM_SET_DEBUGREGS,
                    kvm_debugregs.allocate(arena),
                    debug -> {
                        for (int i = 0; i < 4; i++) {
                            debug.setAtIndex(ValueLayout.JAVA_LONG, i, random.nextLong() >>> 17);
                        }
                    });
            change(vcpu, KvmIoctl.KVM_GET_XSAVE, KvmIoctl.KVM_SET_XSAVE, kvm_xsave.allocate(arena), xsave -> {
                // x87 and SSE registers, and the bits that say that they are in use
                for (int at = 32; at < 160; at += 16) {
                    xsave.set(ValueLayout.JAVA_LONG, at, random.nextLong());
                }
                for (int at = 160; at < 416; at += 8) {
                    xsave.set(ValueLayout.JAVA_LONG, at, random.nextLong());
                }
                xsave.set(ValueLayout.JAVA_LONG, 512, xsave.get(ValueLayout.JAVA_LONG, 512) | 3);
            });
            change(
                    vcpu,
                    KvmIoctl.KVM_GET_VCPU_EVENTS,
                    KvmIoctl.KVM_SET_VCPU_EVENTS,
                    kvm_vcpu_events.allocate(arena),
                    events -> {
                        kvm_vcpu_events.nmi.pending(kvm_vcpu_events.nmi(events), (byte) random.nextInt(2));
                        kvm_vcpu_events.nmi.masked(kvm_vcpu_events.nmi(events), (byte) random.nextInt(2));
                    });
            MsrState msrs = new MsrState(arena, new int[0]);
            List<String> refused = new ArrayList<>();
            // SYSENTER_EIP, STAR, LSTAR, FMASK, KERNEL_GS_BASE, PAT
            for (int index : new int[] {0x176, 0xc0000081, 0xc0000082, 0xc0000084, 0xc0000102}) {
                msrs.write(vcpu, index, random.nextLong() >> 17, refused);
            }
            assertEquals(List.of(), refused);
        }
    }

    private static void change(Vcpu vcpu, long get, long set, MemorySegment struct, Consumer<MemorySegment> change) {
        SystemCallException.check(vcpu.state(get, struct), "get");
        change.accept(struct);
        SystemCallException.check(vcpu.state(set, struct), "set");
    }

    private static void assertSame(byte[] first, byte[] second, List<String> refused, String context) {
        try (Arena arena = Arena.ofConfined()) {
            RecordTable a = new RecordTable(arena, "vCPU", first, KINDS);
            RecordTable b = new RecordTable(arena, "vCPU", second, KINDS);
            for (int kind = 1; kind <= KINDS; kind++) {
                MemorySegment one = a.optional(kind);
                MemorySegment other = b.optional(kind);
                assertEquals(one == null, other == null, "kind " + kind + ", " + context);
                if (kind == MSRS) {
                    assertEquals(registers(one, refused), registers(other, refused), context);
                } else if (one != null && kind != TSC) {
                    assertEquals(-1, one.mismatch(other), "kind " + kind + ", " + context);
                }
            }
            assertTrue(a.optional(LAPIC) == null || a.required(LAPIC).byteSize() == 1024);
        }
    }

    private static Map<String, Long> registers(MemorySegment record, List<String> without) {
        Map<String, Long> values = new TreeMap<>();
        for (long i = 0, n = record.byteSize() / kvm_msr_entry.sizeof(); i < n; i++) {
            MemorySegment entry = kvm_msr_entry.asSlice(record, i);
            String name = "msr 0x" + Integer.toHexString(kvm_msr_entry.index(entry));
            if (!without.contains(name) && !CLOCKS.contains(kvm_msr_entry.index(entry))) {
                values.put(name, kvm_msr_entry.data(entry));
            }
        }
        return values;
    }
}
