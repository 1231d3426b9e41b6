package dev.godwit.agent.migration;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.machine.MachineConfig;
import dev.godwit.images.GuestImage;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** One guest, two hosts, back and forth: no wrong page, and nothing grows. */
@Tag("kvm")
@Tag("soak")
@Timeout(1800)
class SoakTest {
    private static final int WARM = 20;
    private static final long SLACK_BYTES = 48 << 20;

    @Test
    void backAndForth() throws Exception {
        MachineConfig config = MachineConfig.of(64 << 20).withCpus(2).withCommandLine("ws=16m cold=all cpus=2");
        int times = Chance.times(200);
        long longest = 0;
        try (Kvm kvm = Kvm.open();
                LoopbackHost host = new LoopbackHost(kvm);
                Wanderer guest = Wanderer.boot(kvm, host, GuestImage.DIRTIER, config)) {
            Resources before = null;
            for (int i = 0; i < WARM + times; i++) {
                if (i == WARM) {
                    before = settled(guest);
                }
                MigrationReport report = guest.move(MigrationOptions.DEFAULT
                        .withMode(MigrationMode.PRECOPY)
                        .withDowntime(Duration.ofSeconds(5))
                        .withVerify(i % 10 == 0));
                longest = i < WARM || i % 10 == 0
                        ? longest
                        : Math.max(longest, report.downtime().total());
                if (i % 20 == 0) {
                    guest.verify();
                }
            }
            Resources after = settled(guest);
            // The JVM has descriptors of its own, and opens and closes them as it likes; a leak stays.
            for (int i = 0; i < 1000 && after.descriptors() > before.descriptors(); i++) {
                LockSupport.parkNanos(10_000_000);
                after = Resources.now();
            }
            System.out.println("soak: " + times + " migrations, longest pause " + longest / 1000 + " ms; before "
                    + before + ", after " + after);
            assertTrue(after.descriptors() <= before.descriptors(), before + " → " + after);
            assertTrue(after.threads() <= before.threads() + 2, before + " → " + after);
            assertTrue(after.residentBytes() <= before.residentBytes() + SLACK_BYTES, before + " → " + after);
        }
    }

    private static Resources settled(Wanderer guest) throws Exception {
        guest.verify();
        System.gc();
        return Resources.now();
    }
}
