package dev.godwit.agent.paging;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.migration.Chance;
import dev.godwit.agent.migration.GuestTalk;
import dev.godwit.host.boot.PvhImage;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.machine.MachineConfig;
import dev.godwit.host.memory.Backing;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import dev.godwit.host.vcpu.StopReason;
import dev.godwit.images.GuestImage;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Guests that write and check their memory while it comes, page by page, from elsewhere. */
@Tag("kvm")
@Timeout(120)
class PagerTest {
    private final Arena arena = Arena.ofShared();
    private Kvm kvm;
    private Machine machine;

    @BeforeEach
    void open() {
        kvm = Kvm.open();
    }

    @AfterEach
    void close() {
        if (machine != null) {
            machine.close();
        }
        kvm.close();
        arena.close();
    }

    private void boot(LargePages largePages) throws Exception {
        MachineConfig config = MachineConfig.of(48 << 20)
                .withCpus(2)
                .withLargePages(largePages)
                .withCommandLine("ws=8m cold=16m rate=20000 sweep=2000 cpus=2 pattern=random");
        machine = Machine.boot(kvm, config, PvhImage.open(GuestImage.DIRTIER.path(), arena));
        machine.resume();
        GuestTalk.await(machine, 0, "READY");
    }

    /** A copy of what the guest has, and nonsense in place of what is absent. */
    private MemorySegment backUp(PageSet absent) {
        GuestMemory memory = machine.memory();
        MemorySegment backup = arena.allocate(memory.size(), 4096).copyFrom(memory.segment());
        for (long page = absent.next(0, absent.pages());
                page < absent.pages();
                page = absent.next(page + 1, absent.pages())) {
            memory.segment()
                    .asSlice(page << PageSize.SMALL_SHIFT, PageSize.SMALL)
                    .fill((byte) 0xcc);
        }
        return backup;
    }

    private PageSet some(Random random, int percent) {
        Backing backing = Backing.scan(arena, machine.memory());
        PageSet absent = new PageSet(arena, machine.memory().pages());
        for (long chunk = 0; chunk * PageSize.SMALL_PER_LARGE < absent.pages(); chunk++) {
            // Whole chunks, chunks with a few pages, and anything in between.
            int share = random.nextInt(3) == 0 ? 100 : random.nextInt(3) == 0 ? 2 : percent;
            for (long i = 0; i < PageSize.SMALL_PER_LARGE; i++) {
                long page = chunk * PageSize.SMALL_PER_LARGE + i;
                if (backing.resident().contains(page) && random.nextInt(100) < share) {
                    absent.add(page);
                }
            }
        }
        return absent;
    }

    @ParameterizedTest
    @EnumSource(
            value = LargePages.class,
            names = {"THP", "NONE"})
    void aGuestFindsItsMemoryAsItWas(LargePages largePages) throws Exception {
        Random random = Chance.random("aGuestFindsItsMemoryAsItWas");
        boot(largePages);
        for (int percent : new int[] {1, 30, 100}) {
            assertTrue(machine.pause());
            Backing before = Backing.scan(arena, machine.memory());
            PageSet absent = some(random, percent);
            MemorySegment backup = backUp(absent);
            try (Pager pager = new Pager(machine.memory());
                    BackupStore store = new BackupStore(pager, backup, random)) {
                pager.tellApart(machine.vcpuThreadIds().stream()
                        .mapToInt(Integer::intValue)
                        .toArray());
                pager.preferLarge(before.largeChunks());
                pager.locate(absent, Place.AT_SOURCE);
                pager.arm();
                assertEquals(absent.cardinality(), pager.elsewhere());
                pager.attach(Place.AT_SOURCE, store);
                pager.start();
                machine.resume();
                // The guest checks all of its memory, and meanwhile little of it is there.
                String answer = GuestTalk.ask(machine, 'v', "VERIFIED");
                assertTrue(answer.endsWith(" errors=0"), answer);
                store.push(absent);
                for (int i = 0; i < 5; i++) {
                    assertTrue(machine.pause());
                    machine.resume();
                }
                pager.complete().get();
                pager.finish(before.largeChunks());
                long[] blocked = pager.blockedNanos();
                assertEquals(3, blocked.length);
                assertEquals(0, blocked[0], "this guest takes no interrupts: its vCPUs wait themselves");
                if (percent == 100) {
                    assertTrue(blocked[1] > 0 && blocked[2] > 0, Arrays.toString(blocked));
                }
                System.out.printf(
                        "%s %d%%: %d pages were elsewhere, %d requests, %d chunks broken, blocked %s ns, p50 %d us,"
                                + " p99 %d us%n",
                        largePages,
                        percent,
                        absent.cardinality(),
                        store.requests(),
                        pager.brokenChunks(),
                        Arrays.toString(blocked),
                        pager.faultTimes().getValueAtPercentile(50) / 1000,
                        pager.faultTimes().getValueAtPercentile(99) / 1000);
            }
            // The kernel makes more of them as it likes.
            long after = Backing.scan(arena, machine.memory()).largeBytes();
            assertTrue(after >= before.largeBytes(), before.largeBytes() + " bytes in large pages, then " + after);
            String answer = GuestTalk.ask(machine, 'v', "VERIFIED");
            assertTrue(answer.endsWith(" errors=0"), answer);
        }
    }

    /** Nobody brings anything: the guest waits, and can be stopped all the same. */
    @Test
    void aGuestThatWaitsForAPageCanBeStopped() throws Exception {
        boot(LargePages.THP);
        assertTrue(machine.pause());
        PageSet absent = Backing.scan(arena, machine.memory()).resident();
        try (Pager pager = new Pager(machine.memory())) {
            pager.locate(absent, Place.AT_SOURCE);
            pager.arm();
            pager.attach(Place.AT_SOURCE, new Nobody());
            pager.start();
            machine.resume();
            while (pager.waiting() == 0) {
                Thread.onSpinWait();
            }
            machine.stop(new StopReason(StopReason.Kind.STOPPED, 0, "enough"));
            assertEquals(Machine.State.STOPPED, machine.state());
        }
    }

    /** A pause that waits for a page that never comes does not hold up the end. */
    @Test
    void aGuestThatIsBeingPausedCanBeStopped() throws Exception {
        boot(LargePages.THP);
        assertTrue(machine.pause());
        PageSet absent = Backing.scan(arena, machine.memory()).resident();
        try (Pager pager = new Pager(machine.memory())) {
            pager.locate(absent, Place.AT_SOURCE);
            pager.arm();
            pager.attach(Place.AT_SOURCE, new Nobody());
            pager.start();
            machine.resume();
            while (pager.waiting() == 0) {
                Thread.onSpinWait();
            }
            Thread pausing = Thread.ofPlatform().start(machine::pause);
            machine.stop(new StopReason(StopReason.Kind.STOPPED, 0, "enough"));
            pausing.join();
            assertEquals(Machine.State.STOPPED, machine.state());
        }
    }
}
