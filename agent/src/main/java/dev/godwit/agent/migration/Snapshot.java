package dev.godwit.agent.migration;

import dev.godwit.agent.migration.MigrationException.Kind;
import dev.godwit.agent.transport.FileStream;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.device.DeviceStateException;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.machine.SavedMachine;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.state.ElapsedTime;
import dev.godwit.host.state.MachineState;
import dev.godwit.host.state.StateFormatException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetSocketAddress;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;

/**
 * Guests in files. A snapshot is a recorded migration: the guest runs while precopy rounds are written, pauses for the
 * last pages and its state, and goes on. The file appears under its name only when it is complete and safe.
 *
 * <p>The file is a {@link SnapshotHeader}, the page frames of all rounds ({@link PageFrame}; a later frame of a page
 * replaces an earlier one), the description and the state.
 */
public final class Snapshot {
    private static final MigrationOptions OPTIONS = MigrationOptions.DEFAULT
            .withMode(MigrationMode.PRECOPY)
            .withStreams(1)
            .withDowntime(Duration.ofMillis(100));
    private static final InetSocketAddress NOWHERE = new InetSocketAddress(0);

    /** A guest that came out of a snapshot; PAUSED, its owner's to resume and to close. */
    public record Restored(GuestDescription guest, Machine machine, List<String> notRestored) {}

    private Snapshot() {}

    /**
     * Writes a guest to a file that does not exist yet. No migration of it may be under way.
     *
     * @throws MigrationException when it cannot be written; the guest goes on as before and no file is left
     */
    public static SnapshotReport save(Machine machine, GuestDescription guest, Path file) throws MigrationException {
        if (Files.exists(file)) {
            throw new MigrationException(Kind.REFUSED, "snapshot " + file + " exists already");
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

    private static SnapshotReport write(Machine machine, GuestDescription guest, Path partial, Path file)
            throws TransportException, MigrationException, InterruptedException, IOException {
        long started = System.nanoTime();
        try (Arena arena = Arena.ofShared();
                FileStream out = FileStream.create(partial)) {
            SnapshotFile sink = new SnapshotFile(arena, out, machine.memory());
            SavedMachine saved;
            Precopy precopy;
            long pauseNanos;
            boolean running = machine.state() == Machine.State.RUNNING;
            machine.dirtyTracker().start();
            try {
                precopy = new Precopy(arena, machine, sink, OPTIONS, new Figures(guest, NOWHERE, OPTIONS));
                precopy.run();
                long pauseStart = System.nanoTime();
                if (!machine.pause()) {
                    throw new MigrationException(Kind.GUEST_ENDED, "the guest ended before its snapshot was complete");
                }
                precopy.startLast().await();
                saved = machine.save();
                pauseNanos = System.nanoTime() - pauseStart;
            } finally {
                if (running) {
                    machine.resume();
                }
                machine.dirtyTracker().stop();
            }
            SnapshotHeader header = sink.finish(
                    Offer.of(guest, OPTIONS, machine.guestCpu()).encode(),
                    saved.state().encode());
            out.sync();
            MemorySegment written = map(partial, arena);
            int crc = SnapshotHeader.crcOf(written.asSlice(SnapshotHeader.BYTES));
            out.sendAt(
                    0,
                    new SnapshotHeader(
                                    header.rounds(),
                                    header.descriptionAt(),
                                    header.descriptionBytes(),
                                    header.stateAt(),
                                    header.stateBytes(),
                                    crc)
                            .encode(arena));
            out.sync();
            return new SnapshotReport(
                    guest.name(),
                    file.toString(),
                    written.byteSize(),
                    (System.nanoTime() - started) / 1000,
                    running ? pauseNanos / 1000 : 0,
                    precopy.round(),
                    sink.contentPages(),
                    sink.zeroPages(),
                    saved.notSaved());
        }
    }

    private static MemorySegment map(Path file, Arena arena) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            return channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
        }
    }

    /**
     * What a snapshot holds, without building it.
     *
     * @throws MigrationException when the file is no snapshot
     */
    public static GuestDescription describe(Path file) throws MigrationException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = map(file, arena);
            return description(file, bytes, SnapshotHeader.decode(file.toString(), bytes));
        } catch (IOException e) {
            throw unreadable(file, e);
        }
    }

    private static GuestDescription description(Path file, MemorySegment bytes, SnapshotHeader header)
            throws TransportException, MigrationException {
        try {
            return Offer.decode(bytes.asSlice(header.descriptionAt(), header.descriptionBytes())
                            .toArray(ValueLayout.JAVA_BYTE))
                    .guest();
        } catch (TargetHost.RefusedException e) {
            throw new MigrationException(Kind.REFUSED, "snapshot " + file + ": " + e.getMessage(), e);
        }
    }

    /**
     * Builds the guest of a snapshot; it is PAUSED and its clocks stand where they stood.
     *
     * @throws MigrationException when the file is no complete, unharmed snapshot or this host cannot run the guest
     */
    public static Restored restore(Kvm kvm, Path file) throws MigrationException {
        try (Arena arena = Arena.ofShared();
                FileStream in = FileStream.open(file)) {
            MemorySegment bytes = map(file, arena);
            SnapshotHeader header = SnapshotHeader.decode(file.toString(), bytes);
            GuestDescription guest = description(file, bytes, header);
            Machine machine = Machine.empty(kvm, guest.config());
            try {
                readRounds(arena, in, header, machine.memory());
                byte[] state =
                        bytes.asSlice(header.stateAt(), header.stateBytes()).toArray(ValueLayout.JAVA_BYTE);
                List<String> notRestored = machine.restore(MachineState.decode(state), ElapsedTime.FREEZE);
                return new Restored(guest, machine, notRestored);
            } catch (TransportException | RuntimeException | Error e) {
                machine.close();
                throw e;
            }
        } catch (StateFormatException | DeviceStateException e) {
            throw new MigrationException(Kind.PROTOCOL, "snapshot " + file + ": " + e.getMessage(), e);
        } catch (IOException e) {
            throw unreadable(file, e);
        }
    }

    private static void readRounds(Arena arena, FileStream in, SnapshotHeader header, GuestMemory memory)
            throws TransportException {
        in.receive(arena.allocate(SnapshotHeader.BYTES));
        PageReceiver receiver = new PageReceiver(arena, in, memory, new PageSet(arena, memory.pages()));
        for (int round = 0; round < header.rounds(); round++) {
            receiver.receiveRound();
        }
    }

    private static MigrationException unreadable(Path file, IOException e) {
        String why = e instanceof TransportException ? e.getMessage() : "snapshot " + file + " cannot be read: " + e;
        return new MigrationException(Kind.PROTOCOL, why, e);
    }
}
