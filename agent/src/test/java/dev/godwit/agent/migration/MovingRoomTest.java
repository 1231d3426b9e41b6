package dev.godwit.agent.migration;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.Eventually;
import dev.godwit.agent.memoryhost.MemoryHost;
import dev.godwit.agent.memoryhost.Pot;
import dev.godwit.agent.memoryhost.RemoteMemory;
import dev.godwit.host.boot.PvhImage;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.machine.MachineConfig;
import dev.godwit.host.memory.Backing;
import dev.godwit.host.memory.PageSize;
import dev.godwit.images.GuestImage;
import java.lang.foreign.Arena;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a guest with pages at a memory host takes of its hosts while it moves, when it wants all of its memory at once. */
@Tag("kvm")
@Timeout(120)
class MovingRoomTest {
    private static final long MIB = 1 << 20;
    private static final long PLENTY = 1L << 30;

    /** It reads 64 MiB once in a quarter of a second if it can, and was given 24 of them. */
    private final MachineConfig config =
            MachineConfig.of(96 * MIB).withCommandLine("ws=8m cold=64m rate=2000 sweep=65536");

    private Kvm kvm;
    private MemoryHost memoryHost;
    private RemoteSource guest;

    @BeforeEach
    void open() {
        kvm = Kvm.open();
        memoryHost = RemoteSource.memoryHost();
    }

    private void boot(long lent) throws Exception {
        try (Arena arena = Arena.ofConfined()) {
            Machine machine = Machine.boot(kvm, config, PvhImage.open(GuestImage.DIRTIER.path(), arena));
            guest = RemoteSource.start(machine, config, memoryHost.address(), "READY", new Pot(lent));
        }
    }

    @AfterEach
    void close() {
        if (guest != null) {
            guest.close();
        }
        memoryHost.close();
        kvm.close();
    }

    /** Slow enough that the guest could have all of its memory back meanwhile. */
    private static MigrationOptions slow(MigrationMode mode) {
        return MigrationOptions.DEFAULT.withMode(mode).withBandwidth(24 * MIB).withDowntime(Duration.ofSeconds(5));
    }

    private long usual() {
        return guest.memory().config().hostBytes(config.memoryBytes());
    }

    private static long residentBytes(Machine machine) {
        try (Arena arena = Arena.ofConfined()) {
            return Backing.scan(arena, machine.memory()).resident().cardinality() << PageSize.SMALL_SHIFT;
        }
    }

    private static void verify(Machine machine) throws InterruptedException {
        String answer = GuestTalk.ask(machine, 'v', "VERIFIED");
        assertTrue(answer.endsWith(" errors=0"), answer);
    }

    @ParameterizedTest
    @EnumSource(
            value = MigrationMode.class,
            names = {"PRECOPY", "POSTCOPY", "HYBRID"})
    void onHostsWithoutMoreRoomItWaits(MigrationMode mode) throws Exception {
        boot(0);
        try (RemoteHost target = new RemoteHost(kvm, new Pot(0))) {
            CompletableFuture<MigrationReport> moves = start(guest.to(target, slow(mode)));
            long most = 0;
            long waiting = 0;
            boolean said = false;
            while (!moves.isDone()) {
                RemoteMemory there = target.memory();
                most = Math.max(most, residentBytes(guest.machine()));
                waiting += guest.memory().pager().waiting();
                said |= guest.memory().status().waitsForRoom();
                if (there != null) {
                    most = Math.max(most, residentBytes(target.machine()));
                    waiting += there.pager().waiting();
                    said |= there.status().waitsForRoom();
                    assertEquals(usual(), there.hostBytes());
                }
                Thread.sleep(1);
            }
            System.out.println(mode + ", no room: " + moves.join().totalMicros() / 1000 + " ms" + ", at most "
                    + (most >> 20) + " MiB");
            assertTrue(most <= usual(), most + " bytes, of " + usual());
            assertTrue(waiting > 0, "it wanted more");
            assertTrue(said, "and nobody could see that");
            Eventually.await(() -> !target.memory().status().waitsForRoom(), "it does not wait any more");
            verify(target.machine());
        }
    }

    /** KVM itself may wait for the page that there is no room for: no pause ends that, and it has to move to have room. */
    @ParameterizedTest
    @EnumSource(
            value = MigrationMode.class,
            names = {"PRECOPY", "POSTCOPY"})
    void aGuestThatWaitsForRoomCanBePaused(MigrationMode mode) throws Exception {
        MachineConfig sweeper = MachineConfig.of(Sweeper.MEMORY);
        guest = RemoteSource.start(Sweeper.boot(kvm, sweeper), sweeper, memoryHost.address(), "F", new Pot(0));
        try (RemoteHost target = new RemoteHost(kvm, new Pot(0))) {
            MigrationReport report = start(guest.to(target, slow(mode).withStall(Duration.ofSeconds(20))))
                    .join();
            System.out.println(mode + ", paused in " + report.downtime().pause() + " us");
            Sweeper.verify(target.machine());
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = MigrationMode.class,
            names = {"PRECOPY", "POSTCOPY", "HYBRID"})
    void ofHostsWithMoreRoomItHasMoreForAsLongAsItMoves(MigrationMode mode) throws Exception {
        boot(PLENTY);
        Pot pot = new Pot(PLENTY);
        try (RemoteHost target = new RemoteHost(kvm, pot)) {
            CompletableFuture<MigrationReport> moves = start(guest.to(target, slow(mode)));
            long most = 0;
            while (!moves.isDone()) {
                most = Math.max(most, guest.memory().hostBytes());
                RemoteMemory there = target.memory();
                if (there != null) {
                    // What it takes first, what was lent afterwards: that may be more by now.
                    long takes = there.hostBytes();
                    most = Math.max(most, takes);
                    assertTrue(takes <= usual() + pot.lent(), takes + " bytes, and lent were " + pot.lent());
                }
                Thread.sleep(1);
            }
            System.out.println(mode + ", room: " + moves.join().totalMicros() / 1000 + " ms" + ", at most "
                    + (most >> 20) + " MiB");
            assertTrue(most > usual(), most + " bytes, of " + usual());
            Eventually.await(() -> target.memory().hostBytes() == usual(), "it is as it was");
            Eventually.await(() -> residentBytes(target.machine()) <= usual(), "and has no more than that");
            verify(target.machine());
        }
    }

    @Test
    void aTargetThatHasNoRoomForWhatItHasByNowDoesNotGetIt() throws Exception {
        boot(PLENTY);
        try (RemoteHost target = new RemoteHost(kvm, new Pot(0))) {
            CompletableFuture<MigrationReport> moves = start(guest.to(target, slow(MigrationMode.PRECOPY)));
            Throwable failure = assertThrows(Exception.class, moves::join).getCause();
            System.out.println(failure.getMessage());
            assertTrue(failure.getMessage().contains("no room"), failure.getMessage());
            assertEquals(Machine.State.RUNNING, guest.machine().state());
            verify(guest.machine());
            Eventually.await(() -> guest.memory().hostBytes() == usual(), "it is as it was");
        }
    }

    private static CompletableFuture<MigrationReport> start(Migration migration) {
        CompletableFuture<MigrationReport> moves = new CompletableFuture<>();
        Thread.ofPlatform().start(() -> {
            try {
                moves.complete(migration.run());
            } catch (MigrationException | RuntimeException | Error e) {
                moves.completeExceptionally(e);
            }
        });
        return moves;
    }
}
