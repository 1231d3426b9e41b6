package dev.godwit.agent.api;

import dev.godwit.agent.inventory.Departed;
import dev.godwit.agent.inventory.Guest;
import dev.godwit.agent.inventory.GuestState;
import dev.godwit.agent.inventory.MigrationJob;
import dev.godwit.agent.memoryhost.RemoteStatus;
import dev.godwit.agent.migration.GuestDescription;
import dev.godwit.host.machine.MachineConfig;
import dev.godwit.host.tracking.AccessTracking;
import dev.godwit.host.vcpu.StopReason;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * A guest as the API shows it; null where there is nothing to say.
 *
 * @param state {@link GuestState#text}
 * @param reason why it stopped: {@link StopReason.Kind#text}
 * @param exitValue what it wrote to the exit device
 * @param detail one line on the reason
 * @param memoryElsewhereBytes how much of its memory is not here, and comes when it is touched or sooner; null when all
 *     is
 * @param incomplete whether some of its memory is still where it came from, a source or a snapshot, or was when it ended;
 *     null when it is not
 * @param accessTracking the share of its time that tracking its accesses may cost, here and wherever it goes; null when
 *     they are not to be tracked
 * @param createdAt when it came to this agent, ISO 8601
 * @param firstInstructionMicros from the request to its first instruction
 * @param logBytes what it wrote to its serial port in its life
 * @param migration id of the migration under way
 * @param target where it went, {@code host:port}
 * @param memoryHost how it stands with its pages at a memory host; null when it has none
 * @param notRestored parts of its snapshot's state that this host could not give it back; null when there are none
 */
public record GuestView(
        String name,
        String image,
        String state,
        String reason,
        Integer exitValue,
        String detail,
        long memoryBytes,
        Long memoryElsewhereBytes,
        Boolean incomplete,
        int cpus,
        String cmdline,
        String largePages,
        String dirtyTracking,
        Double accessTracking,
        List<StartRequest.Disk> disks,
        String createdAt,
        Long firstInstructionMicros,
        Long logBytes,
        String migration,
        String target,
        RemoteStatus memoryHost,
        List<String> notRestored) {

    /** All of them. */
    public record Page(List<GuestView> guests) {}

    static GuestView of(Guest guest) {
        // Each may have changed by the next, and is right all the same.
        GuestState state = guest.state();
        OptionalLong startMicros = guest.startMicros();
        OptionalLong logBytes = guest.logBytes();
        Optional<StopReason> reason = guest.stopReason();
        return view(
                guest.outgoing(),
                guest.elsewhereBytes(),
                // After the reason: of one that has ended it does not change any more.
                guest.isIncomplete(),
                state,
                reason,
                guest.createdAt().toString(),
                startMicros.isPresent() ? startMicros.getAsLong() : null,
                logBytes.isPresent() ? logBytes.getAsLong() : null,
                guest.migration().map(MigrationJob::id).orElse(null),
                guest.migration().map(MigrationJob::target).orElse(null),
                guest.remoteStatus().orElse(null),
                guest.notRestored());
    }

    static GuestView of(Departed gone) {
        return view(
                gone.guest(),
                0,
                false,
                GuestState.MIGRATED,
                Optional.empty(),
                gone.at().toString(),
                null,
                null,
                null,
                gone.target(),
                null,
                List.of());
    }

    private static GuestView view(
            GuestDescription guest,
            long elsewhere,
            boolean incomplete,
            GuestState state,
            Optional<StopReason> reason,
            String since,
            Long firstInstruction,
            Long logBytes,
            String migration,
            String target,
            RemoteStatus memoryHost,
            List<String> notRestored) {
        MachineConfig config = guest.config();
        return new GuestView(
                guest.name(),
                guest.image(),
                state.text(),
                reason.map(r -> r.kind().text()).orElse(null),
                reason.filter(r -> r.kind() == StopReason.Kind.EXIT)
                        .map(StopReason::code)
                        .orElse(null),
                reason.map(StopReason::detail).filter(d -> !d.isEmpty()).orElse(null),
                config.memoryBytes(),
                elsewhere == 0 ? null : elsewhere,
                incomplete ? true : null,
                config.cpus(),
                config.commandLine(),
                config.largePages().text(),
                config.dirtyTracking().name().toLowerCase(java.util.Locale.ROOT),
                guest.tracking().map(AccessTracking::share).orElse(null),
                config.disks().stream()
                        .map(d -> new StartRequest.Disk(d.file().toString(), d.readOnly()))
                        .toList(),
                since,
                firstInstruction,
                logBytes,
                migration,
                target,
                memoryHost,
                notRestored.isEmpty() ? null : notRestored);
    }
}
