package dev.godwit.agent.migration;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.Eventually;
import dev.godwit.host.boot.PvhImage;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.machine.MachineConfig;
import dev.godwit.host.memory.Backing;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.tracking.AccessTracker;
import dev.godwit.host.tracking.AccessTracking;
import dev.godwit.host.tracking.HeatMap;
import dev.godwit.images.GuestImage;
import java.lang.foreign.Arena;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The rounds of a real guest, to nowhere. */
@Tag("kvm")
@Timeout(60)
class PrecopyTest {
    private static final MachineConfig CONFIG = MachineConfig.of(16 << 20).withCommandLine("ws=4m cold=8m rate=200000");

    private final Arena arena = Arena.ofShared();
    private Kvm kvm;
    private Machine machine;

    @BeforeEach
    void boot() throws Exception {
        kvm = Kvm.open();
        machine = Machine.boot(kvm, CONFIG, PvhImage.open(GuestImage.DIRTIER.path(), arena));
        machine.resume();
        GuestTalk.await(machine, 0, "READY");
    }

    @AfterEach
    void close() {
        if (machine != null) {
            machine.close();
        }
        if (kvm != null) {
            kvm.close();
        }
        arena.close();
    }

    /** Until the guest is to be paused. */
    private Precopy run(MigrationOptions options, RoundSink sink) throws Exception {
        machine.startDirtyTracking().get();
        long logged = System.nanoTime();
        GuestDescription guest = new GuestDescription("web", "dirtier", CONFIG);
        Backing found = Backing.scan(arena, machine.memory());
        Precopy precopy = new Precopy(
                arena,
                machine,
                new FirstLook(logged, true, found),
                sink,
                options,
                new Figures(guest, new InetSocketAddress(0), options));
        precopy.run();
        machine.stopDirtyTracking().get();
        return precopy;
    }

    /** In a mode in which it would not be. */
    @Test
    void whatAGuestWritesIsLoggedOnceItIsToBe() throws Exception {
        GuestStandstill standstill = new GuestStandstill(
                machine,
                "web",
                Optional.empty(),
                MigrationOptions.DEFAULT.withMode(MigrationMode.POSTCOPY),
                () -> false);
        standstill.watch();
        assertFalse(standstill.logs());
        standstill.logToo();
        standstill.watch();
        assertTrue(standstill.logs());
        PageSet written = new PageSet(arena, machine.memory().pages());
        Eventually.await(() -> machine.dirtyTracker().collect(written) > 0, "the guest's writes are logged");
        standstill.endLog();
    }

    /** Without a look: what the last round finds written, which follows the guest, was accessed. */
    @Test
    void whatFollowsTheGuestIsKnownToBeHot() throws Exception {
        AccessTracker tracker = machine.accessTracker(new AccessTracking(0.01, Duration.ofMinutes(10)));
        HeatMap before = tracker.map();
        assertTrue(run(MigrationOptions.DEFAULT.withMode(MigrationMode.HYBRID), new Nowhere())
                .follows());
        HeatMap after = tracker.map();
        long hotter = LongStream.range(0, after.pages())
                .filter(page -> after.level(page) > before.level(page))
                .count();
        assertTrue(hotter > 100 && hotter < after.pages() / 2, hotter + " of " + after.pages());
    }

    /** It writes 4 MiB several times while they are sent, but in the whole of the first round only a quarter of all. */
    @Test
    void aGuestThatWritesAllAgainIsSeenInTheFirstRound() throws Exception {
        MigrationOptions auto =
                MigrationOptions.DEFAULT.withMode(MigrationMode.AUTO).withDowntime(Duration.ofMillis(20));
        Precopy precopy = run(auto, new Slowly());
        assertTrue(precopy.follows());
        assertEquals(1, precopy.round());
    }

    /** Sends two pages each millisecond: 16 MiB in 2 s, and what the guest writes all the time in half a second. */
    private static final class Slowly implements RoundSink {
        private static final long NANOS_EACH = 500_000;
        private long before;
        private long pages;
        private long started = System.nanoTime();

        @Override
        public Sending start(PageSet wanted, PageSet large, int round) {
            pages = wanted.cardinality();
            started = System.nanoTime();
            return new Sending() {
                @Override
                public void await() {
                    while (!await(1000)) {
                        // Once is enough.
                    }
                }

                @Override
                public boolean await(long millis) {
                    LockSupport.parkNanos(Math.min(1000, millis) * 1_000_000);
                    return sent() == pages;
                }
            };
        }

        private long sent() {
            return Math.min(pages, (System.nanoTime() - started) / NANOS_EACH);
        }

        @Override
        public void awaitArrival(int round) {
            before += pages;
            pages = 0;
        }

        @Override
        public long contentPages() {
            return before + sent();
        }

        @Override
        public long zeroPages() {
            return 0;
        }

        @Override
        public long wireBytes() {
            return contentPages() << 12;
        }
    }

    /** Takes a while for each round. */
    private static final class Nowhere implements RoundSink {
        private long pages;

        @Override
        public Sending start(PageSet wanted, PageSet large, int round) {
            pages += wanted.cardinality();
            return () -> LockSupport.parkNanos(30_000_000);
        }

        @Override
        public void awaitArrival(int round) {
            // It has arrived where it goes.
        }

        @Override
        public long contentPages() {
            return pages;
        }

        @Override
        public long zeroPages() {
            return 0;
        }

        @Override
        public long wireBytes() {
            return pages << 12;
        }
    }
}
