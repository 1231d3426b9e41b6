package dev.godwit.agent.migration;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.host.device.SerialLog;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.machine.MachineConfig;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.tracking.DirtyTracking;
import dev.godwit.images.GuestImage;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Migrations that go well. The guests check every word of their own memory. */
@Tag("kvm")
@Timeout(120)
class MigrationTest {
    // On a busy host the fixed part of a pause alone exceeds the default budget, which is not what is tested.
    private static final MigrationOptions PRECOPY =
            MigrationOptions.DEFAULT.withMode(MigrationMode.PRECOPY).withDowntime(Duration.ofSeconds(5));
    private static final MigrationOptions VERIFY = PRECOPY.withVerify(true);
    private static final long MIB = 1 << 20;

    @TempDir
    Path directory;

    private Kvm kvm;
    private LoopbackHost host;

    @BeforeEach
    void open() throws Exception {
        kvm = Kvm.open();
        host = new LoopbackHost(kvm);
    }

    @AfterEach
    void close() {
        host.close();
        kvm.close();
    }

    @ParameterizedTest
    @CsvSource({
        "1, 1, THP, LOG",
        "1, 2, NONE, RING",
        "2, 1, NONE, LOG",
        "2, 2, THP, RING",
        "2, 4, THP, LOG",
        "1, 16, NONE, LOG",
    })
    void aGuestGoesThereAndBack(int cpus, int streams, LargePages largePages, DirtyTracking tracking) throws Exception {
        MachineConfig config = MachineConfig.of(48 * MIB)
                .withCpus(cpus)
                .withLargePages(largePages)
                .withDirtyTracking(tracking)
                .withCommandLine("ws=4m cold=all rate=20000 cpus=" + cpus);
        try (Wanderer guest = Wanderer.boot(kvm, host, GuestImage.DIRTIER, config)) {
            for (int i = 0; i < 3; i++) {
                MigrationReport report = guest.move(VERIFY.withStreams(streams));
                assertNotNull(report.memoryHash());
                assertEquals(streams, report.streams());
                assertTrue(report.rounds().size() >= 2, report.toString());
                assertTrue(report.sentBytes() >= 44 * MIB, report.toString());
                assertTrue(report.wireBytes() > report.sentBytes(), report.toString());
                MigrationReport.Downtime pause = report.downtime();
                long parts = pause.pause()
                        + pause.lastPages()
                        + pause.state()
                        + pause.verify()
                        + pause.handover()
                        + pause.resume();
                assertTrue(Math.abs(parts - pause.total()) <= pause.total() / 2 + 10, report.toString());
                guest.verify();
            }
            assertTrue(host.abandoned.isEmpty());
        }
    }

    @Test
    void aGuestThatWritesAsFastAsItCanArrives() throws Exception {
        MachineConfig config =
                MachineConfig.of(32 * MIB).withCpus(2).withCommandLine("ws=8m cold=all cpus=2 pattern=random");
        try (Wanderer guest = Wanderer.boot(kvm, host, GuestImage.DIRTIER, config)) {
            for (int i = 0; i < Chance.times(5); i++) {
                guest.move(VERIFY);
                guest.verify();
            }
        }
    }

    @Test
    void aPausedGuestArrivesPaused() throws Exception {
        MachineConfig config = MachineConfig.of(16 * MIB).withCommandLine("ws=2m cold=all");
        try (Wanderer guest = Wanderer.boot(kvm, host, GuestImage.DIRTIER, config)) {
            assertTrue(guest.machine().pause());
            guest.move(VERIFY);
            assertEquals(Machine.State.PAUSED, guest.machine().state());
            guest.machine().resume();
            guest.verify();
        }
    }

    @Test
    void memoryOnBothSidesOfTheDeviceHoleArrivesAndUntouchedPagesDoNot() throws Exception {
        // Sparse: 5 GiB of which next to nothing exists on either side.
        MachineConfig config =
                MachineConfig.of(5L << 30).withLargePages(LargePages.NONE).withCommandLine("ws=1m cold=1m");
        try (Wanderer guest = Wanderer.boot(kvm, host, GuestImage.DIRTIER, config)) {
            long high = guest.machine().memory().size() - 4096;
            guest.machine().memory().segment().asSlice(high, 4096).fill((byte) 0x5a);
            MigrationReport report = guest.move(PRECOPY);
            assertTrue(report.untouchedPages() > (5L << 18) - 20_000, report.toString());
            assertTrue(report.sentBytes() < 40 * MIB, report.toString());
            byte[] page = guest.machine()
                    .memory()
                    .segment()
                    .asSlice(high, 4096)
                    .toArray(java.lang.foreign.ValueLayout.JAVA_BYTE);
            byte[] expected = new byte[4096];
            java.util.Arrays.fill(expected, (byte) 0x5a);
            assertArrayEquals(expected, page);
            guest.verify();
        }
    }

    @Test
    void pagesOfZerosGoWithoutContent() throws Exception {
        MachineConfig config =
                MachineConfig.of(48 * MIB).withLargePages(LargePages.NONE).withCommandLine("unique=1m touch=20m");
        try (Wanderer guest = Wanderer.boot(kvm, host, GuestImage.ZERO, config)) {
            MigrationReport report = guest.move(VERIFY);
            assertTrue(report.zeroPages() >= 5120, report.toString());
            assertTrue(report.sentBytes() < 4 * MIB, report.toString());
            guest.verify();
        }
    }

    @Test
    void largePagesArriveAsLargePages() throws Exception {
        MachineConfig config = MachineConfig.of(64 * MIB).withCommandLine("ws=8m cold=all rate=5000");
        try (Wanderer guest = Wanderer.boot(kvm, host, GuestImage.DIRTIER, config)) {
            for (int i = 0; i < 3; i++) {
                MigrationReport report = guest.move(PRECOPY);
                assertTrue(report.largePagesBefore() >= 32 * MIB, report.toString());
                assertTrue(report.largePagesAfter() >= report.largePagesBefore(), report.toString());
            }
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = MigrationMode.class,
            names = {"PRECOPY", "AUTO"})
    void reservedLargePagesArriveAsSuch(MigrationMode mode) throws Exception {
        MachineConfig config = MachineConfig.of(32 * MIB)
                .withLargePages(LargePages.HUGETLB)
                .withCommandLine("ws=4m cold=all rate=20000");
        // Source and target at once.
        try (ReservedPages _ = ReservedPages.add(64 * MIB);
                Wanderer guest = Wanderer.boot(kvm, host, GuestImage.DIRTIER, config)) {
            for (int i = 0; i < 2; i++) {
                MigrationReport report = guest.move(VERIFY.withMode(mode));
                assertEquals(32 * MIB, report.largePagesBefore());
                assertEquals(32 * MIB, report.largePagesAfter());
                guest.verify();
            }
        }
    }

    @Test
    void theSerialLogGoesAlong() throws Exception {
        MachineConfig config = MachineConfig.of(16 * MIB).withCommandLine("ws=2m");
        try (Wanderer guest = Wanderer.boot(kvm, host, GuestImage.DIRTIER, config)) {
            guest.verify();
            SerialLog.Chunk before = guest.machine().serialLog().read(0, Integer.MAX_VALUE);
            assertTrue(before.bytes().length > 0);
            guest.move(VERIFY);
            SerialLog.Chunk after = guest.machine().serialLog().read(0, before.bytes().length);
            assertArrayEquals(before.bytes(), after.bytes());
            guest.verify();
        }
    }

    @Test
    void aGuestInTheMiddleOfDiskRequestsArrives() throws Exception {
        Path disk = directory.resolve("disk.img");
        try (RandomAccessFile file = new RandomAccessFile(disk.toFile(), "rw")) {
            file.setLength(8 * MIB);
        }
        MachineConfig config = MachineConfig.of(16 * MIB)
                .withDisks(List.of(new MachineConfig.Disk(disk, false)))
                .withCommandLine("loop=forever");
        try (Wanderer guest = Wanderer.boot(kvm, host, GuestImage.BLK, config)) {
            for (int i = 0; i < 5; i++) {
                guest.move(VERIFY);
                guest.verify();
            }
        }
        assertTrue(Files.size(disk) == 8 * MIB);
    }
}
