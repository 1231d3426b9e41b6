package dev.godwit.agent.migration;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.stream.Bandwidth;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.machine.MachineConfig;
import dev.godwit.images.GuestImage;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The rate that limited migrations really have. It is printed; what is asserted holds on a busy machine too. */
@Tag("kvm")
@Timeout(180)
class BandwidthIT {
    private static final long RATE = 125_000_000;
    private static final long SECOND = 1_000_000_000;

    private Kvm kvm;
    private LoopbackHost host;
    private LoopbackHost other;

    @BeforeEach
    void open() throws Exception {
        kvm = Kvm.open();
        host = new LoopbackHost(kvm);
        other = new LoopbackHost(kvm);
    }

    @AfterEach
    void close() {
        host.close();
        other.close();
        kvm.close();
    }

    private Wanderer boot(LoopbackHost to, String commandLine) throws Exception {
        return Wanderer.boot(
                kvm, to, GuestImage.DIRTIER, MachineConfig.of(384 << 20).withCommandLine("cold=all " + commandLine));
    }

    private static MigrationOptions mode(MigrationMode mode) {
        return MigrationOptions.DEFAULT.withMode(mode).withDowntime(Duration.ofSeconds(5));
    }

    private static Thread start(Migration migration) {
        return Thread.ofPlatform().start(() -> {
            try {
                migration.run();
            } catch (MigrationException e) {
                throw new IllegalStateException(e);
            }
        });
    }

    /**
     * Bytes sent by all of them.
     *
     * @param before when it began to be read
     * @param after when it had been read
     */
    private record Sample(long before, long after, long bytes) {
        static Sample of(List<Migration> migrations) {
            long before = System.nanoTime();
            long bytes =
                    migrations.stream().mapToLong(m -> m.report().wireBytes()).sum();
            return new Sample(before, System.nanoTime(), bytes);
        }
    }

    /**
     * The most that they sent within a second, until all have ended. Two samples tell of a second only if no more than
     * that lies between the beginning of the first and the end of the last, however long this thread had to wait.
     */
    private static long worstSecond(List<Migration> migrations, List<Thread> threads) {
        Deque<Sample> lastSecond = new ArrayDeque<>();
        long worst = 0;
        while (threads.stream().anyMatch(Thread::isAlive)) {
            Sample last = Sample.of(migrations);
            lastSecond.add(last);
            while (last.after - lastSecond.getFirst().before > SECOND && lastSecond.size() > 1) {
                lastSecond.removeFirst();
            }
            worst = Math.max(worst, last.bytes - lastSecond.getFirst().bytes);
            LockSupport.parkNanos(2_000_000);
        }
        return worst;
    }

    @ParameterizedTest
    @EnumSource(
            value = MigrationMode.class,
            names = {"PRECOPY", "POSTCOPY"})
    void aLimitedMigration(MigrationMode mode) throws Exception {
        try (Wanderer guest = boot(host, "ws=1m rate=1000")) {
            Migration migration = guest.prepare(host.address(), mode(mode).withBandwidth(RATE));
            Thread thread = start(migration);
            long worst = worstSecond(List.of(migration), List.of(thread));
            thread.join();
            MigrationReport report = migration.report();
            assertEquals("completed", report.outcome());
            double rate = report.wireBytes() * 1e6 / report.totalMicros();
            System.out.printf(
                    "%s at %.1f MB/s: %.2f MB/s on average, %.2f MB in the busiest second, %d bytes%n",
                    mode, RATE / 1e6, rate / 1e6, worst / 1e6, report.wireBytes());
            assertTrue(rate < RATE * 1.05, rate + " bytes a second");
            assertTrue(rate > RATE * 0.5, rate + " bytes a second");
            assertTrue(worst < RATE * 1.05, worst + " bytes in a second");
        }
    }

    /** One whose guest waits for pages all the time, and one that sends in the background. */
    @Test
    void twoUnderOneLimit() throws Exception {
        try (Wanderer one = boot(host, "ws=64m pattern=random");
                Wanderer two = boot(other, "ws=1m rate=1000")) {
            Bandwidth shared = new Bandwidth(RATE);
            List<Migration> migrations = List.of(
                    new Migration(
                            one.machine(),
                            one.description,
                            Optional.empty(),
                            host.address(),
                            LoopbackHost.SECRET,
                            mode(MigrationMode.POSTCOPY),
                            shared),
                    new Migration(
                            two.machine(),
                            two.description,
                            Optional.empty(),
                            other.address(),
                            LoopbackHost.SECRET,
                            mode(MigrationMode.PRECOPY),
                            shared));
            long began = System.nanoTime();
            List<Thread> threads = migrations.stream().map(BandwidthIT::start).toList();
            long worst = worstSecond(migrations, threads);
            double seconds = (System.nanoTime() - began) / 1e9;
            long bytes = 0;
            for (int i = 0; i < 2; i++) {
                threads.get(i).join();
                MigrationReport report = migrations.get(i).report();
                assertEquals("completed", report.outcome());
                bytes += report.wireBytes();
                System.out.printf(
                        "%s of two at %.1f MB/s: %d bytes in %.2f s, %s%n",
                        report.mode(), RATE / 1e6, report.wireBytes(), report.totalMicros() / 1e6, report.postcopy());
            }
            System.out.printf(
                    "together %.2f MB/s, %.2f MB in the busiest second%n", bytes / seconds / 1e6, worst / 1e6);
            assertTrue(bytes < RATE * 1.05 * seconds, bytes + " bytes in " + seconds + " s");
            assertTrue(worst < RATE * 1.05, worst + " bytes in a second");
        }
    }
}
