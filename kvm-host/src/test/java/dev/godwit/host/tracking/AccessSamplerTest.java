package dev.godwit.host.tracking;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.bindings.kvm.gen.kvm_regs;
import dev.godwit.bindings.linux.Errno;
import dev.godwit.bindings.linux.SystemCallException;
import dev.godwit.host.memory.Backing;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.memory.PageSize;
import dev.godwit.host.memory.Userfault;
import dev.godwit.host.raw.RawGuest;
import dev.godwit.host.vcpu.StopReason;
import dev.godwit.host.vcpu.VcpuThread;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.BitSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Samplers see exactly the pages that a guest of twenty instructions touches, whether it reads or writes them. */
@Tag("kvm")
@Timeout(300)
class AccessSamplerTest {
    private static final long SEED = Long.getLong("godwit.test.seed", System.nanoTime());
    private static final long RAM = 32L << 20;
    private static final int FIRST_CHUNK = 8;
    private static final int CHUNKS = 4;
    private static final int PER_CHUNK = PageSize.SMALL_PER_LARGE;
    private static final StopReason ENDED = new StopReason(StopReason.Kind.KVM_ERROR, 0, "an exit");
    private static final long PAGE_DIRECTORY = 0x3000;
    private static final long ACCESSED_DIRTY = 0x60;
    private static final long TABLE = 4L << 20;

    /*
     * rbx: a list of addresses, ended by 0; rsi: 0 reads, else writes
     * start: mov rdi,rbx
     * loop:  mov rax,[rdi]; add rdi,8; test rax,rax; jz start
     *        test rsi,rsi; jz read; inc qword [rax]; jmp loop
     * read:  mov rdx,[rax]; jmp loop
     */
    private static final byte[] CODE =
            HexFormat.of().parseHex("4889df488b074883c7084885c074f14885f6740548ff00ebea488b10ebe5");

    @ParameterizedTest
    @CsvSource({
        "KVM_FAULTS, THP, false", "KVM_FAULTS, THP, true", "KVM_FAULTS, NONE, false", "KVM_FAULTS, NONE, true",
        "PAGE_MOVES, THP, false", "PAGE_MOVES, THP, true", "PAGE_MOVES, NONE, false", "PAGE_MOVES, NONE, true"
    })
    void seesExactlyWhatIsTouched(AccessMechanism way, LargePages largePages, boolean writes) {
        Random random = new Random(SEED);
        try (GuestMemory memory = GuestMemory.allocate(RAM, largePages);
                Arena arena = Arena.ofConfined()) {
            // Everything exists, as large pages if they may be.
            for (long at = 0; at < RAM; at += PageSize.SMALL) {
                memory.segment().set(ValueLayout.JAVA_LONG, at + 16, at);
            }
            long large = Backing.scan(arena, memory).largeBytes();
            BitSet touched = new BitSet();
            for (int i = 0; i < 300; i++) {
                touched.set(FIRST_CHUNK * PER_CHUNK + random.nextInt(CHUNKS * PER_CHUNK));
            }
            long entry = TABLE;
            for (int page = touched.nextSetBit(0); page >= 0; page = touched.nextSetBit(page + 1)) {
                memory.segment().set(ValueLayout.JAVA_LONG, entry, (long) page * PageSize.SMALL);
                entry += 8;
            }
            look(way, memory, writes, touched);
            for (long at = FIRST_CHUNK * (long) PageSize.LARGE; at < RAM; at += PageSize.SMALL) {
                assertEquals(at, memory.segment().get(ValueLayout.JAVA_LONG, at + 16), "content");
                boolean wrote = memory.segment().get(ValueLayout.JAVA_LONG, at) != 0;
                assertEquals(writes && touched.get((int) (at / PageSize.SMALL)), wrote, "page " + at + " written");
            }
            long after = Backing.scan(arena, memory).largeBytes();
            assertTrue(after >= large, "large pages: " + large + " bytes, then " + after);
        }
    }

    @Test
    void memoryThatAnotherWatchesIsLeftToHim() {
        try (GuestMemory memory = GuestMemory.allocate(RAM, LargePages.THP);
                Userfault other = Userfault.open();
                MoveSampler sampler = new MoveSampler(memory, 1)) {
            other.register(memory.hva(), memory.size());
            Look look = new Look(memory.pages());
            look.begin(true);
            look.add(FIRST_CHUNK);
            SystemCallException e = assertThrows(SystemCallException.class, () -> sampler.sample(look, 1, 1_000_000));
            assertEquals(Errno.EBUSY, e.errno());
        }
    }

    private static void look(AccessMechanism way, GuestMemory memory, boolean writes, BitSet touched) {
        try (RawGuest guest = new RawGuest(memory, 1, false)) {
            guest.load(CODE);
            // Marked as written: a shadow MMU maps eight pages at once where a guest's table says never written.
            for (long entry = PAGE_DIRECTORY; entry < PAGE_DIRECTORY + 64 * 8; entry += 8) {
                long old = memory.segment().get(ValueLayout.JAVA_LONG, entry);
                memory.segment().set(ValueLayout.JAVA_LONG, entry, old | ACCESSED_DIRTY);
            }
            RawGuest.setRegisters(guest.vcpus.getFirst(), regs -> {
                kvm_regs.rbx(regs, TABLE);
                kvm_regs.rsi(regs, writes ? 1 : 0);
            });
            VcpuThread vcpu = new VcpuThread(guest.vcpus.getFirst(), "sampled", exit -> ENDED, (v, reason) -> {});
            vcpu.resume();
            try (AccessSampler sampler = way == AccessMechanism.KVM_FAULTS
                    ? new FaultSampler(memory, guest.slots, List.of(vcpu.threadId()))
                    : new MoveSampler(memory, 1)) {
                Look look = new Look(memory.pages());
                see(sampler, look, touched);
                do {
                    look.begin(false);
                    for (int chunk = FIRST_CHUNK; chunk < FIRST_CHUNK + CHUNKS + 2; chunk++) {
                        look.add(chunk);
                    }
                    sampler.sample(look, Integer.MAX_VALUE, 100_000_000);
                    assertTrue(look.sightings() <= CHUNKS, "regions seen: " + look.sightings());
                } while (look.sightings() < CHUNKS);
                sampler.rest();
                assertEquals(VcpuThread.State.RUNNING, vcpu.state(), "the guest's end");
            } finally {
                vcpu.requestStop();
                vcpu.join();
            }
        }
    }

    /** Looks until all that is touched was seen in one look, which is longer each time, for a busy host; never sees others. */
    private static void see(AccessSampler sampler, Look look, BitSet touched) {
        BitSet seen = new BitSet();
        for (int tries = 0; tries < 30; tries++) {
            look.begin(true);
            for (int chunk = FIRST_CHUNK; chunk < FIRST_CHUNK + CHUNKS + 2; chunk++) {
                look.add(chunk);
            }
            long cost = sampler.sample(look, Integer.MAX_VALUE, 300_000_000L << Math.min(tries / 3, 4));
            assertTrue(cost > 0);
            seen.clear();
            for (int page = FIRST_CHUNK * PER_CHUNK; page < (FIRST_CHUNK + CHUNKS + 2) * PER_CHUNK; page++) {
                if (look.saw(page)) {
                    seen.set(page);
                }
            }
            BitSet others = (BitSet) seen.clone();
            others.andNot(touched);
            assertTrue(others.isEmpty(), "seen and not touched: " + others + ", seed " + SEED);
            if (seen.equals(touched)) {
                return;
            }
        }
        BitSet missed = (BitSet) touched.clone();
        missed.andNot(seen);
        throw new AssertionError("touched and not seen: " + missed + ", seed " + SEED);
    }
}
