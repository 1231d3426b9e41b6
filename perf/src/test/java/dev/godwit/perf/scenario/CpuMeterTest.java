package dev.godwit.perf.scenario;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class CpuMeterTest {
    @Test
    void ticksAreFoundBehindAnyName() {
        assertEquals(33, CpuMeter.ticks("7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 11 22 13 14"));
    }

    @Test
    void vcpuThreadsAreKnownByTheirNames() {
        assertTrue(CpuMeter.isVcpu("vcpu-0") && CpuMeter.isVcpu("CPU 12/KVM"));
        assertFalse(CpuMeter.isVcpu("vcpu-x") || CpuMeter.isVcpu("migration"));
    }

    @Test
    void workCountsAndWorkOfVcpusDoesNot() throws InterruptedException {
        long least = TimeUnit.MILLISECONDS.toNanos(200);
        CpuMeter meter = new CpuMeter(ProcessHandle.current().pid());
        burn(least);
        assertTrue(meter.millis() >= 150, meter.millis() + " ms");

        Thread vcpu = Thread.ofPlatform().name("vcpu-0").unstarted(() -> burn(10 * least));
        CpuMeter without = new CpuMeter(ProcessHandle.current().pid());
        CpuMeter with = new CpuMeter(ProcessHandle.current().pid());
        vcpu.start();
        while (vcpu.isAlive()) {
            without.sample();
            vcpu.join(5);
        }
        assertTrue(with.millis() - without.millis() >= 300, without.millis() + " of " + with.millis() + " ms");
    }

    /** Keeps a processor busy for so long, by the thread's own clock. */
    private static void burn(long nanos) {
        var clock = java.lang.management.ManagementFactory.getThreadMXBean();
        for (long end = clock.getCurrentThreadCpuTime() + nanos; clock.getCurrentThreadCpuTime() < end; ) {
            Thread.onSpinWait();
        }
    }
}
