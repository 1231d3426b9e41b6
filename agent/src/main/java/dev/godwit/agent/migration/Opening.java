package dev.godwit.agent.migration;

import dev.godwit.agent.memoryhost.RemoteMap;
import dev.godwit.agent.memoryhost.RemoteMemory;
import dev.godwit.agent.migration.MigrationException.Kind;
import dev.godwit.agent.stream.RateLimit;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.memory.Backing;
import dev.godwit.host.thread.Urgency;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;

/**
 * The first steps of a migration: the guest is offered, and looked at while the target builds a machine; once that takes
 * it the target learns what stays where it is, and all is ready for the first round.
 *
 * <p>Threading: the migration's thread.
 *
 * @param remote the guest's memory, if it has pages at a memory host
 * @param cancelled whether the migration is
 */
record Opening(
        Machine machine,
        GuestDescription guest,
        Optional<RemoteMemory> remote,
        MigrationOptions options,
        SourceLink link,
        RateLimit limit,
        Figures figures,
        GuestStandstill standstill,
        BooleanSupplier cancelled) {

    /**
     * Takes the first steps.
     *
     * @return what sends the rounds, with its memory in {@code arena}
     */
    Precopy precopy(Arena arena) throws TransportException, MigrationException, InterruptedException {
        long resident = remote.map(RemoteMemory::resident).orElse(0L);
        link.offer(Offer.of(guest, options, machine.guestCpu(), largeRuns(), resident), machine, limit);
        // What the target says is heard, whatever the guest waits for.
        FirstLook look = remote.isEmpty() || standstill.watchSoon() ? FirstLook.at(machine, standstill, arena) : null;
        byte[] map = look == null ? null : remoteMap();
        link.awaitAccept();
        if (cancelled.getAsBoolean()) {
            throw MigrationException.cancelled();
        }
        MigrationOptions allowed = allowed(link.wholeBecause());
        figures.connected(link, SwitchoverCost.planned(link.restoreTime()));
        figures.timeline().enter(MigrationPhase.PRECOPY);
        if (look == null) {
            look = FirstLook.at(machine, standstill, arena);
            map = remoteMap();
        }
        if (map != null) {
            limit.acquireInTurns(map.length);
            link.control().send(MessageType.REMOTE_MAP, 0, map);
        }
        return new Precopy(arena, machine, look, link, allowed, figures);
    }

    /** The message that names the guest's pages at its memory host, from where none goes any more; null if it has none. */
    private byte[] remoteMap() {
        if (remote.isEmpty()) {
            return null;
        }
        try (Arena own = Arena.ofConfined();
                Urgency.Pause _ = Urgency.pauseOver(machine.memory().size())) {
            RemoteMap there = remote.get().map(own);
            figures.named(there.pages().cardinality());
            return RemoteMapMessage.encode(there);
        }
    }

    private List<ChunkRun> largeRuns() {
        try (Arena own = Arena.ofConfined();
                Urgency.Pause _ = Urgency.pauseOver(machine.memory().size())) {
            return ChunkRun.longest(Backing.scan(own, machine.memory()).largeChunks());
        }
    }

    /** What of the options the target allows: a mode that needs more than it has is not changed behind one's back. */
    private MigrationOptions allowed(String wholeBecause) throws MigrationException {
        if (wholeBecause.isEmpty()) {
            return options;
        }
        if (options.mode() != MigrationMode.AUTO) {
            throw new MigrationException(
                    Kind.REFUSED,
                    "the target takes guests with all of their memory only: " + wholeBecause
                            + " (godwit check there says more); take --mode precopy or auto");
        }
        figures.whole(wholeBecause);
        return options.withMode(MigrationMode.PRECOPY);
    }
}
