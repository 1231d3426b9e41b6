package dev.godwit.host.machine;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.memory.Backing;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.tracking.AccessTracker;
import dev.godwit.host.tracking.AccessTracking;
import dev.godwit.host.tracking.DirtyTracking;
import dev.godwit.host.tracking.HeatMap;
import dev.godwit.host.tracking.MoveSampler;
import dev.godwit.images.DirtierOptions;
import dev.godwit.images.DirtierOptions.Pattern;
import dev.godwit.images.GuestImage;
import java.lang.foreign.Arena;
import java.time.Duration;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tracked guests find their memory as they left it, whatever else happens to them, and hot pages are found. */
@Tag("kvm")
@Timeout(300)
class AccessTrackingTest {
    private static final AccessTracking SETTINGS = new AccessTracking(0.2, Duration.ofMinutes(10));
    private static final long LOOKS = 12;
    private static final int WORKING_SET = 16 << 20;

    private static MachineConfig config(DirtierOptions options) {
        return Guests.config(48, options.cpus(), options.commandLine());
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aReadOnlyHotSetIsHotterThanTheRest(boolean moves) throws InterruptedException {
        DirtierOptions options = DirtierOptions.DEFAULT
                .withWorkingSet(WORKING_SET)
                .withPattern(Pattern.READHOT)
                .withSweep(0);
        try (Kvm kvm = Kvm.open();
                Machine machine = Guests.boot(kvm, config(options), GuestImage.DIRTIER);
                Arena arena = Arena.ofConfined()) {
            GuestSerial serial = Guests.ready(machine);
            long large = Backing.scan(arena, machine.memory()).largeBytes();
            AccessTracker tracker = track(machine, moves);
            awaitLooks(tracker, moves ? 3 * LOOKS : LOOKS);
            tracker.stop();
            long after = Backing.scan(arena, machine.memory()).largeBytes();
            assertTrue(after >= large, "bytes of large pages: " + large + ", then " + after);
            HeatMap map = tracker.map();
            serial.send('a');
            long first = Long.decode(field(serial.await("ACCESSES "), "first="));
            serial.await("ACCESSED ");
            long pages = WORKING_SET >> 12;
            double hot = mean(map, first, first + pages / 10);
            double cold = mean(map, first + pages / 10, first + pages);
            assertTrue(hot > cold * (moves ? 1 : 3), hot + " and " + cold + " accesses a second, " + tracker.cost());
            Guests.verifyAndEnd(machine, serial, tracker.mechanism());
            tracker.close();
        }
    }

    private static AccessTracker track(Machine machine, boolean moves) {
        if (!moves) {
            return machine.trackAccesses(SETTINGS);
        }
        AccessTracker tracker = new AccessTracker(
                machine.memory(),
                new MoveSampler(machine.memory(), 1),
                1,
                machine::vcpuNanos,
                SETTINGS,
                () -> machine.state() == Machine.State.RUNNING);
        tracker.start();
        return tracker;
    }

    private static void awaitLooks(AccessTracker tracker, long looks) throws InterruptedException {
        long until = tracker.cost().looks() + looks;
        assertTrue(tracker.awaitLooks(until, GuestSerial.PATIENCE), tracker.cost() + " " + tracker.problem());
    }

    private static double mean(HeatMap map, long first, long end) {
        double sum = 0;
        for (long page = first; page < end; page++) {
            sum += HeatMap.rateOf(map.level(page));
        }
        return sum / (end - first);
    }

    private static String field(String line, String key) {
        int at = line.indexOf(key) + key.length();
        return line.substring(at, line.indexOf(' ', at));
    }

    @ParameterizedTest
    @EnumSource(DirtyTracking.class)
    void goesTogetherWithDirtyTracking(DirtyTracking dirty) throws InterruptedException {
        DirtierOptions options = DirtierOptions.DEFAULT
                .withWorkingSet(WORKING_SET)
                .withPattern(Pattern.RANDOM)
                .withCpus(2);
        try (Kvm kvm = Kvm.open();
                Machine machine = Guests.boot(kvm, config(options).withDirtyTracking(dirty), GuestImage.DIRTIER);
                Arena arena = Arena.ofConfined()) {
            GuestSerial serial = Guests.ready(machine);
            AccessTracker tracker = machine.trackAccesses(SETTINGS);
            for (int round = 0; round < 3; round++) {
                machine.dirtyTracker().start();
                awaitLooks(tracker, 2);
                // What was written has another hash now: all of that must have been reported.
                PageSet dirtied = new PageSet(arena, machine.memory().pages());
                assertTrue(machine.pause());
                PageWords before = PageWords.of(machine.memory());
                machine.dirtyTracker()
                        .collect(new PageSet(arena, machine.memory().pages()));
                machine.resume();
                awaitLooks(tracker, 2);
                assertTrue(machine.pause());
                machine.dirtyTracker().collect(dirtied);
                before.assertOnlyChanged(machine.memory(), dirtied);
                tracker.written(dirtied, 1_000_000_000);
                machine.dirtyTracker().stop();
                machine.resume();
            }
            awaitLooks(tracker, 2);
            Guests.verifyAndEnd(machine, serial, dirty.text());
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void pausesStopsAndClosesAtAnyTime(boolean moves) throws InterruptedException {
        DirtierOptions options =
                DirtierOptions.DEFAULT.withWorkingSet(WORKING_SET).withPattern(Pattern.RANDOM);
        try (Kvm kvm = Kvm.open()) {
            Machine machine = Guests.boot(kvm, config(options), GuestImage.DIRTIER);
            GuestSerial serial = Guests.ready(machine);
            AccessTracker tracker = track(machine, moves);
            for (int i = 0; i < 5; i++) {
                awaitLooks(tracker, 2);
                assertTrue(machine.pause());
                machine.resume();
                tracker.stop();
                assertFalse(tracker.isTracking());
                tracker.start();
            }
            serial.send('v');
            assertTrue(serial.await("VERIFIED ").contains(" errors=0"));
            awaitLooks(tracker, 1);
            if (moves) {
                tracker.close();
            }
            machine.close();
            tracker.close();
            assertFalse(tracker.isTracking());
        }
    }

    @Test
    void smallPagesAreTrackedToo() throws InterruptedException {
        DirtierOptions options =
                DirtierOptions.DEFAULT.withWorkingSet(WORKING_SET).withPattern(Pattern.RANDOM);
        try (Kvm kvm = Kvm.open();
                Machine machine =
                        Guests.boot(kvm, config(options).withLargePages(LargePages.NONE), GuestImage.DIRTIER)) {
            GuestSerial serial = Guests.ready(machine);
            AccessTracker tracker = machine.trackAccesses(SETTINGS);
            awaitLooks(tracker, 4);
            assertTrue(tracker.cost().accesses() > 0);
            Guests.verifyAndEnd(machine, serial, "small pages");
        }
    }
}
