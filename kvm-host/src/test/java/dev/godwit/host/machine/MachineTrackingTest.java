package dev.godwit.host.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import dev.godwit.host.tracking.DirtyTracking;
import dev.godwit.images.GuestImage;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** No page that changed is missing from what a machine's dirty tracker collects, while commands rain on it. */
@Tag("kvm")
@Timeout(300)
class MachineTrackingTest {
    private static final long SEED = Long.getLong("godwit.test.seed", System.nanoTime());

    /** The large one writes more pages at a time than a dirty ring holds. */
    @ParameterizedTest
    @CsvSource({
        "LOG, 1, 32, 16m, 20",
        "RING, 1, 32, 16m, 20",
        "LOG, 2, 32, 16m, 20",
        "RING, 2, 32, 16m, 20",
        "RING, 1, 352, 320m, 4"
    })
    void everyChangedPageIsCollected(DirtyTracking tracking, int cpus, int mebibytes, String workingSet, int rounds)
            throws InterruptedException {
        Random random = new Random(SEED);
        MachineConfig config = Guests.config(mebibytes, cpus, "pattern=random ws=" + workingSet + " cpus=" + cpus)
                .withDirtyTracking(tracking);
        try (Kvm kvm = Kvm.open();
                Machine machine = Guests.boot(kvm, config, GuestImage.DIRTIER);
                Arena arena = Arena.ofConfined()) {
            GuestSerial serial = Guests.ready(machine);
            assertTrue(machine.pause());
            MemorySegment before = arena.allocate(machine.memory().size(), 4096);
            PageSet dirty = new PageSet(arena, machine.memory().pages());
            before.copyFrom(machine.memory().segment());
            machine.dirtyTracker().start();
            long changed = 0;
            for (int round = 0; round < rounds; round++) {
                for (int i = 0; i < 5; i++) {
                    machine.resume();
                    spin(random.nextInt(mebibytes * 200_000));
                    assertTrue(machine.pause());
                    machine.dirtyTracker().collect(dirty);
                }
                changed += compare(machine, before, dirty, round);
                dirty.clear();
            }
            assertTrue(changed > 1000, changed + " pages, seed " + SEED);
            machine.dirtyTracker().stop();
            machine.resume();
            Guests.verifyAndEnd(machine, serial, "seed " + SEED);
        }
    }

    /** Counts the changed pages, all of which must be in the set, and brings the copy up to date. */
    private static long compare(Machine machine, MemorySegment copy, PageSet dirty, int round) {
        MemorySegment ram = machine.memory().segment();
        long changed = 0;
        for (long page = 0; page < machine.memory().pages(); page++) {
            long from = page * PageSize.SMALL;
            long to = from + PageSize.SMALL;
            if (MemorySegment.mismatch(ram, from, to, copy, from, to) >= 0) {
                changed++;
                assertTrue(dirty.contains(page), "page " + page + ", round " + round + ", seed " + SEED);
            }
        }
        MemorySegment.copy(ram, 0, copy, 0, ram.byteSize());
        assertEquals(-1, ram.mismatch(copy));
        return changed;
    }

    private static void spin(long nanos) {
        for (long until = System.nanoTime() + nanos; System.nanoTime() < until; ) {
            Thread.onSpinWait();
        }
    }
}
