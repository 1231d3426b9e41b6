package dev.godwit.host.state;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.bindings.linux.SystemCallException;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.raw.RawGuest;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Tag("kvm")
@Timeout(60)
class ChipAndClockStateTest {
    private static final long SEED = Long.getLong("godwit.test.seed", System.nanoTime());
    private static final int IOAPIC = 3;

    @Test
    void chipsSurviveTheWayIntoAnotherVm() {
        Random random = new Random(SEED);
        try (GuestMemory memory = GuestMemory.allocate(4 << 20, LargePages.THP);
                RawGuest source = new RawGuest(memory, 1, true);
                RawGuest target = new RawGuest(memory, 1, true)) {
            ChipState chips = new ChipState(source.vm);
            source.vm.setIrqLine(4, true);
            source.vm.setIrqLine(5 + random.nextInt(4), true);
            byte[] changed = chips.save().section();
            new ChipState(target.vm).restore(changed);
            byte[] arrived = new ChipState(target.vm).save().section();
            assertSameButPit(changed, arrived);
        }
    }

    /** The PIT's record holds times since the host's start. */
    private static void assertSameButPit(byte[] expected, byte[] actual) {
        try (Arena arena = Arena.ofConfined()) {
            RecordTable a = new RecordTable(arena, "chips", expected, 4);
            RecordTable b = new RecordTable(arena, "chips", actual, 4);
            for (int kind = 1; kind <= IOAPIC; kind++) {
                assertArrayEquals(
                        a.required(kind).toArray(ValueLayout.JAVA_BYTE),
                        b.required(kind).toArray(ValueLayout.JAVA_BYTE),
                        "kind " + kind + ", seed " + SEED);
            }
        }
    }

    @Test
    void saysWhichChipIsMissing() {
        try (GuestMemory memory = GuestMemory.allocate(4 << 20, LargePages.THP);
                RawGuest plain = new RawGuest(memory, 1, false);
                RawGuest chips = new RawGuest(memory, 1, true)) {
            byte[] none = new ChipState(plain.vm).save().section();
            assertEquals(0, none.length);
            byte[] all = new ChipState(chips.vm).save().section();
            new ChipState(plain.vm).restore(none);
            assertEquals(
                    "state of the chips has a chip that this VM lacks (KVM_SET_IRQCHIP)",
                    assertThrows(StateFormatException.class, () -> new ChipState(plain.vm).restore(all))
                            .getMessage());
            assertEquals(
                    "state of the chips lacks a chip that this VM has (KVM_SET_IRQCHIP)",
                    assertThrows(StateFormatException.class, () -> new ChipState(chips.vm).restore(none))
                            .getMessage());
        }
    }

    @Test
    void theClockGoesOnOrStandsStill() {
        try (GuestMemory memory = GuestMemory.allocate(4 << 20, LargePages.THP);
                RawGuest guest = new RawGuest(memory, 1, true);
                Arena arena = Arena.ofConfined()) {
            ClockState clock = new ClockState(guest.vm);
            RecordWriter writer = new RecordWriter(arena, 64);
            long anHour = 3_600_000_000_000L;
            TimeRecord.write(writer.room(TimeRecord.BYTES), anHour, ElapsedTime.now() - anHour / 2, 1_000_000);
            writer.commit(1, TimeRecord.BYTES);

            assertEquals(List.of(), clock.restore(writer.toArray(), ElapsedTime.FREEZE));
            assertEquals(60, minutes(clock));
            assertEquals(List.of(), clock.restore(writer.toArray(), ElapsedTime.ADVANCE));
            assertEquals(90, minutes(clock));

            // A source whose clock is ahead: nothing to go by, and it is said.
            writer.clear();
            TimeRecord.write(writer.room(TimeRecord.BYTES), anHour, ElapsedTime.now() + anHour / 2, 1_000_000);
            writer.commit(1, TimeRecord.BYTES);
            assertEquals(1, clock.restore(writer.toArray(), ElapsedTime.ADVANCE).size());
            assertEquals(60, minutes(clock));
        }
    }

    private static long minutes(ClockState clock) {
        try (Arena arena = Arena.ofConfined()) {
            return TimeRecord.guest(
                            new RecordTable(arena, "clock", clock.save().section(), 1).required(1, TimeRecord.BYTES))
                    / 60_000_000_000L;
        }
    }

    @Test
    void surviveHostileBytes() {
        Random random = new Random(SEED);
        try (GuestMemory memory = GuestMemory.allocate(4 << 20, LargePages.THP);
                RawGuest guest = new RawGuest(memory, 1, true)) {
            ChipState chips = new ChipState(guest.vm);
            ClockState clock = new ClockState(guest.vm);
            byte[] goodChips = chips.save().section();
            byte[] goodClock = clock.save().section();
            for (int i = 0; i < 3000; i++) {
                attempt(() -> chips.restore(MachineStateTest.mutate(random, goodChips)));
                attempt(() -> clock.restore(MachineStateTest.mutate(random, goodClock), ElapsedTime.ADVANCE));
            }
        }
    }

    private static void attempt(Runnable restore) {
        try {
            restore.run();
        } catch (StateFormatException | SystemCallException e) {
            assertTrue(e.getMessage().indexOf('\n') < 0);
        } catch (RuntimeException e) {
            throw new AssertionError("seed " + SEED, e);
        }
    }
}
