package dev.godwit.agent.migration;

import dev.godwit.host.machine.Machine;
import dev.godwit.host.memory.Backing;
import dev.godwit.host.thread.Urgency;
import java.lang.foreign.Arena;

/**
 * A look at a guest's memory before any of it is sent.
 *
 * @param begun when, by {@link System#nanoTime}
 * @param logged whether what the guest writes is logged since then; else it is to be looked at again, by who sends it, when
 *     the guest stands still
 * @param found what there was after that
 */
record FirstLook(long begun, boolean logged, Backing found) {
    /** Of a guest's pause, for a look at its memory; else what it writes is logged. */
    private static final long LOOK_NANOS = 4_000_000;

    /** A guest whose mode needs no log is logged all the same if this takes long: without, it is looked at again in its pause. */
    static FirstLook at(Machine machine, GuestStandstill standstill, Arena arena)
            throws MigrationException, InterruptedException {
        FirstLook look = once(machine, standstill, arena);
        boolean isShort = System.nanoTime() - look.begun <= LOOK_NANOS && look.found.knowsLarge();
        if (look.logged || isShort) {
            return look;
        }
        standstill.logToo();
        return once(machine, standstill, arena);
    }

    private static FirstLook once(Machine machine, GuestStandstill standstill, Arena arena)
            throws MigrationException, InterruptedException {
        long begun = standstill.watch();
        try (Urgency.Pause _ = Urgency.pauseOver(machine.memory().size())) {
            return new FirstLook(begun, standstill.logs(), Backing.scan(arena, machine.memory()));
        }
    }
}
