package dev.godwit.agent.migration;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.host.boot.PvhImage;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.machine.MachineConfig;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.tracking.AccessTracker;
import dev.godwit.host.tracking.AccessTracking;
import dev.godwit.host.tracking.HeatMap;
import dev.godwit.images.GuestImage;
import java.lang.foreign.Arena;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The rounds of a real guest, to nowhere. */
@Tag("kvm")
@Timeout(60)
class PrecopyTest {
    private static final MachineConfig CONFIG = MachineConfig.of(16 << 20).withCommandLine("ws=4m rate=200000");

    /** Without a look: what the last round finds written, which follows the guest, was accessed. */
    @Test
    void whatFollowsTheGuestIsKnownToBeHot() throws Exception {
        MigrationOptions hybrid = MigrationOptions.DEFAULT.withMode(MigrationMode.HYBRID);
        GuestDescription guest = new GuestDescription("web", "dirtier", CONFIG);
        try (Kvm kvm = Kvm.open();
                Arena arena = Arena.ofShared();
                Machine machine = Machine.boot(kvm, CONFIG, PvhImage.open(GuestImage.DIRTIER.path(), arena))) {
            machine.resume();
            GuestTalk.await(machine, 0, "READY");
            AccessTracker tracker = machine.accessTracker(new AccessTracking(0.01, Duration.ofMinutes(10)));
            HeatMap before = tracker.map();
            machine.startDirtyTracking().get();
            Precopy precopy = new Precopy(
                    arena, machine, new Nowhere(), hybrid, new Figures(guest, new InetSocketAddress(0), hybrid));
            precopy.run();
            assertTrue(precopy.follows());
            HeatMap after = tracker.map();
            long hotter = LongStream.range(0, after.pages())
                    .filter(page -> after.level(page) > before.level(page))
                    .count();
            assertTrue(hotter > 100 && hotter < after.pages() / 2, hotter + " of " + after.pages());
            machine.stopDirtyTracking().get();
        }
    }

    /** It writes 4 MiB several times while they are sent, but in the whole of the first round only a quarter of all. */
    @Test
    void aGuestThatWritesAllAgainIsSeenInTheFirstRound() throws Exception {
        MigrationOptions auto =
                MigrationOptions.DEFAULT.withMode(MigrationMode.AUTO).withDowntime(Duration.ofMillis(20));
        GuestDescription guest = new GuestDescription("web", "dirtier", CONFIG);
        try (Kvm kvm = Kvm.open();
                Arena arena = Arena.ofConfined();
                Machine machine = Machine.boot(kvm, CONFIG, PvhImage.open(GuestImage.DIRTIER.path(), arena))) {
            machine.resume();
            GuestTalk.await(machine, 0, "READY");
            machine.startDirtyTracking().get();
            Precopy precopy =
                    new Precopy(arena, machine, new Slowly(), auto, new Figures(guest, new InetSocketAddress(0), auto));
            precopy.run();
            assertTrue(precopy.follows());
            assertEquals(1, precopy.round());
            machine.stopDirtyTracking().get();
        }
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
