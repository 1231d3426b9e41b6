package dev.godwit.perf.jmh;

import dev.godwit.host.boot.PvhImage;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.perf.peer.Workshop;
import java.lang.foreign.Arena;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** One write to a port by a guest in ring 3: out of the guest, through the port bus, and back in. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class ExitRoundTrip {
    private Arena arena;
    private Kvm kvm;
    private ExitLoop loop;

    /** Starts a guest that never ends. */
    @Setup
    public void start() {
        arena = Arena.ofShared();
        kvm = Kvm.open();
        try (Workshop workshop = new Workshop()) {
            loop = new ExitLoop(kvm, PvhImage.open(workshop.exitGuest(1, 0), arena));
        }
    }

    @Benchmark
    public boolean portOut() {
        return loop.step();
    }

    /** Ends it. */
    @TearDown
    public void stop() {
        loop.close();
        kvm.close();
        arena.close();
    }
}
