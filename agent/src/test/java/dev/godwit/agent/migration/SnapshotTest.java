package dev.godwit.agent.migration;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.host.boot.PvhImage;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.machine.MachineConfig;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.vcpu.StopReason;
import dev.godwit.images.GuestImage;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Tag("kvm")
class SnapshotTest {
    private static final MachineConfig CONFIG =
            MachineConfig.of(32 << 20).withCpus(2).withCommandLine("cpus=2 ws=8m cold=all");
    private static final GuestDescription GUEST = new GuestDescription("snap", "dirtier", CONFIG);

    /** So slow that what it writes is not written again within a snapshot; too fast to be sent meanwhile. */
    private static final MachineConfig BUSY = MachineConfig.of(16 << 20).withCommandLine("ws=8m rate=4000");

    private static final MigrationOptions SLOW =
            MigrationOptions.DEFAULT.withMode(MigrationMode.PRECOPY).withBandwidth(8 << 20);

    @TempDir
    Path directory;

    @Test
    void aGuestGoesOnFromItsSnapshotAndBesideIt() throws Exception {
        Path file = directory.resolve("guest.snap");
        try (Kvm kvm = Kvm.open();
                Arena arena = Arena.ofShared();
                Machine machine = boot(kvm, arena)) {
            SnapshotReport report = Snapshot.save(machine, GUEST, file);
            assertTrue(report.rounds() >= 2, report.toString());
            assertEquals(Files.size(file), report.fileBytes());
            assertEquals("VERIFIED", GuestTalk.ask(machine, 'v', "VERIFIED").substring(0, 8));
            assertEquals(GUEST, Snapshot.describe(file));
            for (int i = 0; i < 2; i++) {
                Snapshot.Restored restored = Snapshot.restore(kvm, file);
                try (Machine again = restored.machine()) {
                    assertEquals(GUEST, restored.guest());
                    again.resume();
                    assertTrue(GuestTalk.ask(again, 'v', "VERIFIED").endsWith("errors=0"));
                    restored.loaded().get();
                    assertTrue(GuestTalk.ask(again, 'v', "VERIFIED").endsWith("errors=0"));
                    // What came out of a snapshot can go into one.
                    Path second = directory.resolve("second.snap");
                    Snapshot.save(again, GUEST, second);
                    Files.delete(second);
                }
            }
            assertThrows(MigrationException.class, () -> Snapshot.save(machine, GUEST, file));
        }
        try (var files = Files.list(directory)) {
            assertEquals(List.of(file), files.toList());
        }
    }

    /** Those go in whole only, also where a part of one is zeros, of which the snapshot has none. */
    @Test
    void aGuestOnReservedLargePagesGoesOnFromItsSnapshot() throws Exception {
        MachineConfig config = MachineConfig.of(32 << 20)
                .withCommandLine("ws=8m cold=4m rate=4000")
                .withLargePages(LargePages.HUGETLB);
        Path file = directory.resolve("reserved.snap");
        try (ReservedPages _ = ReservedPages.add(2 * config.memoryBytes());
                Kvm kvm = Kvm.open();
                Arena arena = Arena.ofShared();
                Machine machine = boot(kvm, arena, config)) {
            SnapshotReport report = Snapshot.save(machine, new GuestDescription("reserved", "dirtier", config), file);
            assertTrue(report.zeroPages() > 0, report.toString());
            Snapshot.Restored restored = Snapshot.restore(kvm, file);
            try (Machine again = restored.machine()) {
                again.resume();
                assertTrue(GuestTalk.ask(again, 'v', "VERIFIED").endsWith(" errors=0"));
                restored.loaded().get();
                assertTrue(GuestTalk.ask(again, 'v', "VERIFIED").endsWith(" errors=0"));
            }
        }
    }

    /** It begins to log what the guest writes while the migration may still be about to stop that. */
    @Test
    @Timeout(60)
    void aSnapshotRightAfterACancelledMigrationIsComplete() throws Exception {
        Path file = directory.resolve("guest.snap");
        try (Kvm kvm = Kvm.open();
                Arena arena = Arena.ofShared();
                LoopbackHost target = new LoopbackHost(kvm);
                Machine machine = boot(kvm, arena, BUSY)) {
            GuestDescription guest = new GuestDescription("busy", "dirtier", BUSY);
            for (int round = 0; round <= 2; round++) {
                cancel(new Migration(machine, guest, target.address(), LoopbackHost.SECRET, SLOW), round);
                Snapshot.save(machine, guest, file);
                assertEquals(Machine.State.RUNNING, machine.state());
                Snapshot.Restored restored = Snapshot.restore(kvm, file);
                try (Machine again = restored.machine()) {
                    again.resume();
                    restored.loaded().get();
                    String answer = GuestTalk.ask(again, 'v', "VERIFIED");
                    assertTrue(answer.endsWith(" errors=0"), answer);
                }
                Files.delete(file);
            }
            assertTrue(GuestTalk.ask(machine, 'v', "VERIFIED").endsWith(" errors=0"));
            assertTrue(target.arrived.isEmpty());
        }
    }

    /** Runs a migration and cancels it within a round. */
    private static void cancel(Migration migration, int round) throws InterruptedException {
        Thread canceller = Thread.ofPlatform().start(() -> {
            while (migration.progress().round() < round && migration.progress().phase() != MigrationPhase.FAILED) {
                LockSupport.parkNanos(100_000);
            }
            migration.cancel();
        });
        MigrationException e = assertThrows(MigrationException.class, migration::run);
        assertEquals(MigrationException.Kind.CANCELLED, e.kind(), e.getMessage());
        canceller.join();
    }

    @Test
    void aHostThatCannotPageSaysSo() throws Exception {
        Path file = directory.resolve("guest.snap");
        try (Kvm kvm = Kvm.open();
                Arena arena = Arena.ofShared();
                Machine machine = boot(kvm, arena)) {
            Snapshot.save(machine, GUEST, file);
            MigrationException e = assertThrows(
                    MigrationException.class,
                    () -> Snapshot.restore(kvm, file, () -> Optional.of("userfaultfd: EPERM")));
            assertEquals(MigrationException.Kind.NOT_CAPABLE, e.kind());
            assertEquals(
                    "this host cannot bring a restored guest's memory behind it: userfaultfd: EPERM; godwit check says"
                            + " more",
                    e.getMessage());
        }
    }

    @Test
    void aDamagedOrTruncatedSnapshotIsRefused() throws Exception {
        Path file = directory.resolve("guest.snap");
        long seed = Long.getLong("godwit.seed", System.nanoTime());
        System.out.println("seed " + seed);
        Random random = new Random(seed);
        try (Kvm kvm = Kvm.open();
                Arena arena = Arena.ofShared()) {
            try (Machine machine = boot(kvm, arena)) {
                Snapshot.save(machine, GUEST, file);
            }
            byte[] good = Files.readAllBytes(file);
            for (int i = 0; i < 20; i++) {
                damage(file, good, random);
                String why = refusalOrEnd(kvm, file);
                assertFalse(why.contains("\n"), why);
            }
        }
    }

    /** Memory is checked when it is needed: a guest of which some is damaged is stopped before it sees that. */
    private static String refusalOrEnd(Kvm kvm, Path file) throws Exception {
        try {
            Snapshot.Restored restored = Snapshot.restore(kvm, file);
            try (Machine machine = restored.machine()) {
                machine.resume();
                restored.loaded().get();
                StopReason reason = machine.stopReason().orElseThrow();
                assertEquals(StopReason.Kind.PAGES_LOST, reason.kind());
                return reason.detail();
            }
        } catch (MigrationException e) {
            return e.getMessage();
        }
    }

    /** Flips a bit somewhere that counts, or cuts the file. */
    private static void damage(Path file, byte[] good, Random random) throws IOException {
        Files.write(file, good);
        try (RandomAccessFile out = new RandomAccessFile(file.toFile(), "rw")) {
            if (random.nextInt(4) == 0) {
                out.setLength(random.nextInt(good.length));
            } else {
                int at = random.nextInt(4) == 0 ? random.nextInt(48) : random.nextInt(good.length);
                // The rest of the first page says nothing, and a page of zeros is a hole that nobody reads.
                while ((at >= 48 && at < 4096) || isHole(good, at)) {
                    at = random.nextInt(good.length);
                }
                out.seek(at);
                out.write(good[at] ^ 1 << random.nextInt(8));
            }
        }
    }

    private static boolean isHole(byte[] file, int at) {
        int page = at & -4096;
        for (int i = page; i < Math.min(page + 4096, file.length); i++) {
            if (file[i] != 0) {
                return false;
            }
        }
        return true;
    }

    /** Its queues lie in guest memory, which is still in the file when they are restored. */
    @Test
    @Timeout(60)
    void aGuestWithADiskIsRestored() throws Exception {
        Path disk = Files.write(directory.resolve("disk.img"), new byte[1 << 20]);
        MachineConfig config = MachineConfig.of(32 << 20)
                .withDisks(List.of(new MachineConfig.Disk(disk, false)))
                .withCommandLine("loop=forever");
        GuestDescription guest = new GuestDescription("disky", "blk", config);
        Path file = directory.resolve("disky.snap");
        try (Kvm kvm = Kvm.open();
                Arena arena = Arena.ofShared()) {
            try (Machine machine = Machine.boot(kvm, config, PvhImage.open(GuestImage.BLK.path(), arena))) {
                machine.resume();
                machine.serialLog().awaitMore(0, Duration.ofSeconds(30));
                // What it wrote to the disk after its snapshot, the restored guest would find there.
                assertTrue(machine.pause());
                Snapshot.save(machine, guest, file);
            }
            Snapshot.Restored restored = Snapshot.restore(kvm, file);
            try (Machine again = restored.machine()) {
                again.resume();
                restored.loaded().get();
                assertTrue(
                        again.stopReason().isEmpty(), () -> again.stopReason().toString());
            }
        }
    }

    @Test
    void whatIsNoSnapshotIsRefusedInOneLine() throws Exception {
        try (Kvm kvm = Kvm.open()) {
            Path empty = Files.createFile(directory.resolve("empty"));
            for (Path file : List.of(empty, directory.resolve("absent"), directory)) {
                MigrationException refused = assertThrows(MigrationException.class, () -> Snapshot.restore(kvm, file));
                assertTrue(refused.getMessage().contains(file.toString()), refused.getMessage());
                assertFalse(refused.getMessage().contains("\n"), refused.getMessage());
            }
        }
    }

    private static Machine boot(Kvm kvm, Arena arena) throws Exception {
        return boot(kvm, arena, CONFIG);
    }

    private static Machine boot(Kvm kvm, Arena arena, MachineConfig config) throws Exception {
        Machine machine = Machine.boot(kvm, config, PvhImage.open(GuestImage.DIRTIER.path(), arena));
        machine.resume();
        GuestTalk.await(machine, 0, "READY");
        return machine;
    }
}
