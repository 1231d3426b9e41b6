package dev.godwit.agent.migration;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.machine.MachineConfig;
import dev.godwit.host.memory.LargePages;
import dev.godwit.images.GuestImage;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What the report says of large pages when memory follows a guest: before, with the last page, and at the end. */
@Tag("kvm")
@Timeout(120)
class LargePagesFollowTest {
    private static final long MEMORY = 64 << 20;

    /** The second is no copy of the third, which is after what was in small pages has been made whole. */
    @ParameterizedTest
    @EnumSource(
            value = LargePages.class,
            names = {"THP", "NONE"})
    void largePagesAreCountedBeforeTheyAreMadeWhole(LargePages largePages) throws Exception {
        MachineConfig config = MachineConfig.of(MEMORY)
                .withCpus(2)
                .withLargePages(largePages)
                .withCommandLine("ws=16m cold=all cpus=2 pattern=random sweep=20000");
        try (Kvm kvm = Kvm.open();
                LoopbackHost host = new LoopbackHost(kvm);
                Wanderer guest = Wanderer.boot(kvm, host, GuestImage.DIRTIER, config)) {
            MigrationReport report = guest.move(
                    MigrationOptions.DEFAULT.withMode(MigrationMode.POSTCOPY).withBandwidth(64 << 20));
            FaultSummary faults = report.postcopy().faults();
            System.out.println(largePages + ": " + (report.largePagesBefore() >> 20) + " MiB in large pages before, "
                    + (faults.largePageBytes() >> 20) + " with the last page, " + (report.largePagesAfter() >> 20)
                    + " at the end; " + faults);
            assertTrue(faults.largePageBytes() <= MEMORY, report.toString());
            assertEquals(largePages == LargePages.THP, faults.largePageBytes() > 0, report.toString());
            assertTrue(report.largePagesAfter() >= report.largePagesBefore(), report.toString());
            // Of two vCPUs one has waited at least half of it, and none all of it and more.
            assertTrue(faults.mostBlocked() >= faults.total() * 0.49, report.toString());
            assertTrue(faults.mostBlocked() <= faults.total() * 1.01, report.toString());
            assertEquals(2, faults.blocked().size());
            double all = faults.mostBlocked() + faults.leastBlocked();
            assertEquals(faults.total(), all, faults.total() * 0.01, report.toString());
            guest.verify();
        }
    }
}
