package dev.godwit.agent.migration;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeout;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.Eventually;
import dev.godwit.agent.memoryhost.MemoryHost;
import dev.godwit.agent.migration.MigrationException.Kind;
import dev.godwit.agent.paging.Place;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.machine.MachineConfig;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Migrations of a guest whose memory host goes away meanwhile, and comes back with its files. */
@Tag("kvm")
@Timeout(120)
class MemoryHostAwayTest {
    private static final long MIB = 1 << 20;

    /** So long that nothing ends by it. */
    private static final Duration STALL = Duration.ofSeconds(60);

    /** At once, on the busiest host, and not by the stall. */
    private static final long SOON_SECONDS = 20;

    @TempDir
    Path directory;

    private final MachineConfig config = MachineConfig.of(Sweeper.MEMORY);
    private InetSocketAddress address = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    private Kvm kvm;
    private MemoryHost memoryHost;
    private RemoteSource guest;

    @BeforeEach
    void boot() throws Exception {
        kvm = Kvm.open();
        startMemoryHost();
        guest = RemoteSource.start(Sweeper.boot(kvm, config), config, address, "F");
    }

    private void startMemoryHost() {
        memoryHost = RemoteSource.memoryHost(address, directory);
        address = memoryHost.address();
    }

    @AfterEach
    void close() {
        guest.close();
        memoryHost.close();
        kvm.close();
    }

    private static MigrationOptions mode(MigrationMode mode) {
        return MigrationOptions.DEFAULT
                .withMode(mode)
                .withDowntime(Duration.ofSeconds(5))
                .withStall(STALL);
    }

    private void goAway() {
        memoryHost.close();
        Eventually.await(guest.memory()::isStuck, "the guest waits");
    }

    /** The guest waits, and so does the migration. */
    private void cancel(Migration migration, CompletableFuture<MigrationException> end) throws Exception {
        LockSupport.parkNanos(500_000_000);
        assertFalse(end.isDone(), () -> end.join().getMessage());
        migration.cancel();
        MigrationException failure = end.get(SOON_SECONDS, TimeUnit.SECONDS);
        assertEquals(Kind.CANCELLED, failure.kind(), failure::getMessage);
        assertTrue(guest.memory().isStuck());
    }

    private static CompletableFuture<MigrationException> failure(Migration migration) {
        return CompletableFuture.supplyAsync(
                () -> assertThrows(MigrationException.class, migration::run),
                task -> Thread.ofPlatform().start(task));
    }

    /** The guest goes on here when the memory host is back, and can be migrated then. */
    private void goesOn() throws Exception {
        assertEquals(Machine.State.RUNNING, guest.machine().state());
        startMemoryHost();
        Sweeper.verify(guest.machine());
        try (RemoteHost target = new RemoteHost(kvm)) {
            var _ = guest.to(target, mode(MigrationMode.POSTCOPY)).run();
            assertNull(target.end.join());
            Sweeper.verify(target.machine());
        }
    }

    /** Whether it waits with the guest until its writes are logged, or until it stands still. */
    @ParameterizedTest
    @EnumSource(
            value = MigrationMode.class,
            names = {"PRECOPY", "POSTCOPY"})
    void aMigrationOfAGuestThatWaitsForAPageIsCancelled(MigrationMode mode) throws Exception {
        try (RemoteHost target = new RemoteHost(kvm) {
            @Override
            void admitted() {
                goAway();
            }
        }) {
            Migration migration = guest.to(target, mode(mode));
            CompletableFuture<MigrationException> end = failure(migration);
            Eventually.await(
                    () -> target.end.isDone()
                            || (migration.progress().phase() != MigrationPhase.CONNECTING
                                    && guest.memory().isStuck()),
                    "it ends or waits");
            cancel(migration, end);
            assertNotNull(target.end.get(SOON_SECONDS, TimeUnit.SECONDS));
        }
        goesOn();
    }

    @Test
    void thatAGuestWaitsForAPageIsFoundOutSoon() throws Exception {
        goAway();
        AtomicBoolean cancelled = new AtomicBoolean();
        GuestStandstill standstill = new GuestStandstill(
                guest.machine(), "sweeper", Optional.of(guest.memory()), mode(MigrationMode.PRECOPY), cancelled::get);
        assertTimeout(Duration.ofSeconds(SOON_SECONDS), () -> assertFalse(standstill.watchSoon()));
        cancelled.set(true);
        MigrationException failure = assertThrows(MigrationException.class, standstill::watch);
        assertEquals(Kind.CANCELLED, failure.kind(), failure::getMessage);
        guest.memory().resume();
        standstill.endLog();
        goesOn();
    }

    @Test
    void aPauseThatWaitsForAPageIsCancelled() throws Exception {
        try (RemoteHost target = new RemoteHost(kvm)) {
            Migration migration = guest.to(target, mode(MigrationMode.PRECOPY).withBandwidth(8 * MIB));
            CompletableFuture<MigrationException> end = failure(migration);
            Eventually.await(() -> migration.progress().round() > 0, "the first round begins");
            goAway();
            Eventually.await(() -> migration.progress().phase() == MigrationPhase.SWITCHOVER, "it switches over");
            cancel(migration, end);
            assertNotNull(target.end.get(SOON_SECONDS, TimeUnit.SECONDS));
        }
        goesOn();
    }

    @Test
    void aPauseThatWaitsForAPageEndsByItself() throws Exception {
        try (RemoteHost target = new RemoteHost(kvm)) {
            Migration migration = guest.to(
                    target, mode(MigrationMode.PRECOPY).withBandwidth(8 * MIB).withStall(Duration.ofSeconds(2)));
            CompletableFuture<MigrationException> end = failure(migration);
            Eventually.await(() -> migration.progress().round() > 0, "the first round begins");
            goAway();
            MigrationException failure = end.get(60, TimeUnit.SECONDS);
            assertEquals(Kind.CONNECTION, failure.kind(), failure::getMessage);
            assertTrue(failure.getMessage().startsWith("the guest has waited for a page at memory host 127"));
        }
        goesOn();
    }

    @Test
    void aTargetThatCannotReachItRefuses() throws Exception {
        goAway();
        try (RemoteHost target = new RemoteHost(kvm)) {
            MigrationException failure =
                    failure(guest.to(target, mode(MigrationMode.AUTO))).get(SOON_SECONDS, TimeUnit.SECONDS);
            assertEquals(Kind.REFUSED, failure.kind(), failure::getMessage);
        }
        goesOn();
    }

    @ParameterizedTest
    @EnumSource(
            value = MigrationMode.class,
            names = {"PRECOPY", "POSTCOPY"})
    void itGoesAwayWhenTheGuestIsAboutToBeHandedOver(MigrationMode mode) throws Exception {
        try (RemoteHost target = new RemoteHost(kvm) {
            @Override
            void taking() {
                memoryHost.close();
            }
        }) {
            MigrationException failure = failure(guest.to(target, mode(mode))).get(SOON_SECONDS, TimeUnit.SECONDS);
            assertEquals(Kind.REFUSED, failure.kind(), failure::getMessage);
            assertNotNull(target.end.get(SOON_SECONDS, TimeUnit.SECONDS));
        }
        Eventually.await(() -> guest.memory().status().awayMillis() > 0, "the memory host is away");
        goesOn();
    }

    @ParameterizedTest
    @EnumSource(
            value = MigrationMode.class,
            names = {"PRECOPY", "POSTCOPY"})
    void itGoesAwayWhenTheGuestHasBeenHandedOver(MigrationMode mode) throws Exception {
        try (RemoteHost target = new RemoteHost(kvm) {
            @Override
            void adopting() {
                memoryHost.close();
            }
        }) {
            var _ = guest.to(target, mode(mode)).run();
            assertNull(target.end.join());
            Eventually.await(target.memory()::isStuck, "the guest waits");
            startMemoryHost();
            Sweeper.verify(target.machine());
        }
    }

    /** What a restore writes into the guest's memory may be at the memory host, whose pages are the source's until TAKE. */
    @Test
    void aRestoreThatNeedsAPageOfItsIsNotWaitedFor() throws Exception {
        guest.close();
        guest = RemoteSource.start(Sweeper.bootWithClock(kvm, config), config, address, "F");
        Eventually.await(
                () -> guest.memory().pager().map().place(90 * MIB / 4096) == Place.REMOTE, "the page leaves it");
        try (RemoteHost target = new RemoteHost(kvm)) {
            MigrationException failure =
                    failure(guest.to(target, mode(MigrationMode.POSTCOPY))).get(SOON_SECONDS, TimeUnit.SECONDS);
            assertEquals(Kind.REFUSED, failure.kind(), failure::getMessage);
            assertTrue(failure.getMessage().contains("cannot be restored without a page"), failure.getMessage());
            assertNotNull(target.end.get(SOON_SECONDS, TimeUnit.SECONDS));
        }
        assertEquals(Machine.State.RUNNING, guest.machine().state());
        Sweeper.verify(guest.machine());
    }
}
