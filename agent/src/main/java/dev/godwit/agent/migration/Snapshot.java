package dev.godwit.agent.migration;

import dev.godwit.agent.migration.MigrationException.Kind;
import dev.godwit.agent.transport.PagedFile;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.device.DeviceStateException;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.machine.SavedMachine;
import dev.godwit.host.memory.Backing;
import dev.godwit.host.memory.Userfault;
import dev.godwit.host.state.ElapsedTime;
import dev.godwit.host.state.MachineState;
import dev.godwit.host.state.StateFormatException;
import dev.godwit.host.vcpu.StopReason;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetSocketAddress;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.function.Supplier;

/**
 * Guests in files. A snapshot is a recorded migration: the guest runs while precopy rounds are written, pauses for the
 * last pages and its state, and goes on. The file appears under its name only when it is complete and safe.
 *
 * <p>In the file, see {@link SnapshotHeader}, each page of memory has its place. So a restored guest runs at once, however
 * large it is, and {@link SnapshotMemory} brings its memory behind it.
 */
public final class Snapshot {
    private static final MigrationOptions OPTIONS = MigrationOptions.DEFAULT
            .withMaxTime(Duration.ofSeconds(30))
            .withStreams(1)
            .withDowntime(Duration.ofMillis(100));
    private static final InetSocketAddress NOWHERE = new InetSocketAddress(0);

    /**
     * A guest that came out of a snapshot; PAUSED, its owner's to resume and to close.
     *
     * @param notRestored parts of its state that this host could not give it back, by name
     * @param loaded completes when all of its memory is there, or the guest has ended; it can be migrated and
     *     snapshotted from then on
     */
    public record Restored(
            GuestDescription guest, Machine machine, List<String> notRestored, CompletableFuture<Void> loaded) {}

    private Snapshot() {}

    /**
     * Writes a guest to a file that does not exist yet. No migration of it may be under way.
     *
     * @throws MigrationException when it cannot be written; the guest goes on as before and no file is left
     */
    public static SnapshotReport save(Machine machine, GuestDescription guest, Path file) throws MigrationException {
        requireWhole(machine);
        if (Files.exists(file)) {
            throw new MigrationException(Kind.REFUSED, "snapshot " + file + " exists already");
        }
        Path folder = file.toAbsolutePath().getParent();
        if (!Files.isDirectory(folder)) {
            throw new MigrationException(Kind.REFUSED, "snapshot " + file + ": there is no directory " + folder);
        }
        Path partial = file.resolveSibling(file.getFileName() + ".partial-" + Long.toHexString(System.nanoTime()));
        try {
            SnapshotReport report = write(machine, guest, partial, file);
            // Not over a file that appeared meanwhile: link fails where rename would replace.
            Files.createLink(file, partial);
            return report;
        } catch (FileAlreadyExistsException e) {
            throw new MigrationException(Kind.REFUSED, "snapshot " + file + " exists already", e);
        } catch (TransportException e) {
            throw new MigrationException(Kind.INTERNAL, "snapshot not written: " + e.getMessage(), e);
        } catch (IOException e) {
            throw new MigrationException(Kind.INTERNAL, "snapshot not written: " + e, e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new MigrationException(Kind.CANCELLED, "the snapshot was interrupted", e);
        } finally {
            remove(partial);
        }
    }

    private static void remove(Path partial) {
        try {
            Files.deleteIfExists(partial);
        } catch (IOException e) {
            // The snapshot itself is as it should be; what is left is named so that anyone sees what it is.
            partial.toFile().deleteOnExit();
        }
    }

    /** Pages that are still elsewhere would be left out. */
    static void requireWhole(Machine machine) throws MigrationException {
        if (!machine.memory().isWhole()) {
            throw new MigrationException(
                    Kind.REFUSED, "some of the guest's memory is still where the guest came from; try again later");
        }
    }

    /** In turn: a migration that failed may still be about to stop what it had begun. */
    private static void await(CompletableFuture<Void> change) throws MigrationException, InterruptedException {
        try {
            change.get();
        } catch (ExecutionException e) {
            throw new MigrationException(Kind.INTERNAL, "what the guest writes cannot be logged: " + e.getCause(), e);
        }
    }

    private static SnapshotReport write(Machine machine, GuestDescription guest, Path partial, Path file)
            throws TransportException, MigrationException, InterruptedException {
        long started = System.nanoTime();
        try (Arena arena = Arena.ofShared();
                PagedFile out = PagedFile.create(partial)) {
            SnapshotFile sink = new SnapshotFile(arena, out, machine.memory());
            SavedMachine saved;
            Precopy precopy;
            long pauseNanos;
            boolean running = machine.state() == Machine.State.RUNNING;
            try {
                await(machine.startDirtyTracking());
                long logged = System.nanoTime();
                Backing found = Backing.scan(arena, machine.memory());
                precopy = new Precopy(
                        arena,
                        machine,
                        new FirstLook(logged, true, found),
                        sink,
                        OPTIONS,
                        new Figures(guest, NOWHERE, OPTIONS));
                precopy.run();
                long pauseStart = System.nanoTime();
                if (!machine.pause()) {
                    throw new MigrationException(Kind.GUEST_ENDED, "the guest ended before its snapshot was complete");
                }
                // Also what would follow a guest that writes faster than the storage: it stands still for that.
                precopy.startLast(true).await();
                saved = machine.save();
                pauseNanos = System.nanoTime() - pauseStart;
            } finally {
                if (running) {
                    machine.resume();
                }
                // Whoever starts it next waits for that.
                var _ = machine.stopDirtyTracking();
            }
            long bytes = sink.finish(
                    Offer.of(guest, OPTIONS, machine.guestCpu(), List.of()).encode(),
                    saved.state().encode());
            return new SnapshotReport(
                    guest.name(),
                    file.toString(),
                    bytes,
                    (System.nanoTime() - started) / 1000,
                    running ? pauseNanos / 1000 : 0,
                    precopy.round(),
                    sink.contentPages(),
                    sink.zeroPages(),
                    saved.notSaved());
        }
    }

    /**
     * What a snapshot holds, without building it.
     *
     * @throws MigrationException when the file is no snapshot
     */
    public static GuestDescription describe(Path file) throws MigrationException {
        try (Arena arena = Arena.ofConfined();
                PagedFile in = PagedFile.open(file)) {
            MemorySegment bytes = in.map(arena, 0, in.size());
            return description(file, bytes, SnapshotHeader.decode(file.toString(), bytes));
        } catch (TransportException e) {
            throw unreadable(e);
        }
    }

    private static GuestDescription description(Path file, MemorySegment bytes, SnapshotHeader header)
            throws TransportException, MigrationException {
        try {
            GuestDescription guest = Offer.decode(header.description(bytes).toArray(ValueLayout.JAVA_BYTE))
                    .guest();
            if (guest.config().memoryBytes() != header.memoryBytes()) {
                throw new MigrationException(Kind.PROTOCOL, "snapshot " + file + " contradicts itself");
            }
            return guest;
        } catch (TargetHost.RefusedException e) {
            throw new MigrationException(Kind.REFUSED, "snapshot " + file + ": " + e.getMessage(), e);
        }
    }

    /**
     * Builds the guest of a snapshot; it is PAUSED and its clocks stand where they stood. It may be resumed at once: its
     * memory comes out of the file as it is needed, and all of it soon. The file must not change meanwhile.
     *
     * @throws MigrationException when the file is no complete snapshot, its tables are harmed or this host cannot run the
     *     guest; a guest whose memory turns out to be harmed later is stopped, as {@code pages-lost}
     */
    public static Restored restore(Kvm kvm, Path file) throws MigrationException {
        return restore(kvm, file, Userfault::problem);
    }

    /**
     * As {@link #restore(Kvm, Path)}.
     *
     * @param pagingProblem why no guest may run here before all of its memory is here, if so
     */
    static Restored restore(Kvm kvm, Path file, Supplier<Optional<String>> pagingProblem) throws MigrationException {
        Optional<String> problem = pagingProblem.get();
        if (problem.isPresent()) {
            throw new MigrationException(
                    Kind.NOT_CAPABLE,
                    "this host cannot bring a restored guest's memory behind it: " + problem.get()
                            + "; godwit check says more");
        }
        try {
            PagedFile in = PagedFile.open(file);
            Arena arena = Arena.ofShared();
            boolean handedOver = false;
            try {
                MemorySegment bytes = in.map(arena, 0, in.size());
                SnapshotHeader header = SnapshotHeader.decode(file.toString(), bytes);
                GuestDescription guest = description(file, bytes, header);
                MachineState state = MachineState.decode(header.state(bytes).toArray(ValueLayout.JAVA_BYTE));
                Machine machine = Machine.empty(kvm, guest.config());
                SnapshotMemory memory = SnapshotMemory.begin(machine, in, file.toString(), header, bytes, arena);
                handedOver = true;
                return restored(guest, machine, state, memory);
            } finally {
                if (!handedOver) {
                    arena.close();
                    in.close();
                }
            }
        } catch (StateFormatException | DeviceStateException e) {
            throw new MigrationException(Kind.PROTOCOL, "snapshot " + file + ": " + e.getMessage(), e);
        } catch (TransportException e) {
            throw unreadable(e);
        }
    }

    private static Restored restored(GuestDescription guest, Machine machine, MachineState state, SnapshotMemory memory)
            throws MigrationException {
        try {
            List<String> notRestored = machine.restore(state, ElapsedTime.FREEZE);
            return new Restored(guest, machine, notRestored, memory.ended());
        } catch (RuntimeException | Error e) {
            Optional<StopReason> lost = machine.stopReason();
            machine.close();
            // Its memory was looked at meanwhile, and turned out to be damaged.
            if (lost.isPresent()) {
                throw new MigrationException(Kind.PROTOCOL, lost.get().detail(), e);
            }
            throw e;
        }
    }

    private static MigrationException unreadable(TransportException e) {
        return new MigrationException(Kind.PROTOCOL, e.getMessage(), e);
    }
}
