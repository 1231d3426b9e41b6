package dev.godwit.perf.scenario;

import dev.godwit.host.boot.PvhImage;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.machine.MachineConfig;
import dev.godwit.host.memory.Backing;
import dev.godwit.host.tracking.AccessMechanism;
import dev.godwit.host.tracking.AccessTracker;
import dev.godwit.host.tracking.HeatMap;
import dev.godwit.host.tracking.MoveSampler;
import dev.godwit.images.AccessCounts;
import dev.godwit.images.DirtierOptions;
import dev.godwit.images.GuestImage;
import dev.godwit.perf.report.Distribution;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/**
 * Tracks a guest of known behaviour, in rounds with and without, and compares the pages found with those that it really
 * accessed most.
 *
 * @param options of the guest
 * @param memoryBytes its RAM
 * @param mechanism by which, or null for the first that the host offers
 * @param share of its time that tracking may cost
 * @param rounds pairs of a round without and one with tracking
 * @param round length of each
 */
public record HeatScenario(
        DirtierOptions options, long memoryBytes, AccessMechanism mechanism, double share, int rounds, Duration round) {
    private static final Duration HALF_LIFE = Duration.ofHours(1);
    private static final double DECILE = 0.1;

    /** Runs it. */
    public HeatResult run(Consumer<String> progress) throws InterruptedException {
        MachineConfig config =
                MachineConfig.of(memoryBytes).withCpus(options.cpus()).withCommandLine(options.commandLine());
        PvhImage image = PvhImage.parse("dirtier", MemorySegment.ofArray(GuestImage.DIRTIER.bytes()));
        try (Kvm kvm = Kvm.open();
                Machine machine = Machine.boot(kvm, config, image);
                Arena arena = Arena.ofConfined()) {
            CountingGuest guest = new CountingGuest(machine);
            progress.accept("Filling the guest's memory …");
            machine.resume();
            guest.await("READY ");
            return measure(machine, guest, arena, progress);
        }
    }

    private HeatResult measure(Machine machine, CountingGuest guest, Arena arena, Consumer<String> progress)
            throws InterruptedException {
        long before = Backing.scan(arena, machine.memory()).largeBytes();
        CountingGuest.Speed[] on = new CountingGuest.Speed[rounds];
        CountingGuest.Speed[] off = new CountingGuest.Speed[rounds + 1];
        List<HeatResult.Quality> found = new ArrayList<>();
        guest.speed(round);
        off[0] = guest.speed(round);
        try (AccessTracker tracker = tracker(machine)) {
            for (int i = 0; i < rounds; i++) {
                progress.accept("Round " + (i + 1) + " of " + rounds + " …");
                tracker.start();
                on[i] = guest.speed(round);
                tracker.stop();
                off[i + 1] = guest.speed(round);
                found.add(quality(guest.accesses(), tracker, (i + 1) * round.toMillis() / 1e3));
            }
            return new HeatResult(
                    tracker.mechanism(),
                    options.pattern().name().toLowerCase(Locale.ROOT),
                    share,
                    tracker.cost().share(),
                    tracker.cost().faultNanos() / 1e3,
                    guest.accesses().pages(),
                    found,
                    of(off, CountingGuest.Speed::rate),
                    of(on, CountingGuest.Speed::rate),
                    loss(off, on, CountingGuest.Speed::rate),
                    loss(off, on, CountingGuest.Speed::cpuRate),
                    before,
                    Backing.scan(arena, machine.memory()).largeBytes());
        }
    }

    private static Distribution of(CountingGuest.Speed[] speeds, ToDoubleFunction<CountingGuest.Speed> figure) {
        return Distribution.of(Arrays.stream(speeds).mapToDouble(figure).toArray());
    }

    private static Distribution loss(
            CountingGuest.Speed[] off, CountingGuest.Speed[] on, ToDoubleFunction<CountingGuest.Speed> figure) {
        return Distribution.of(IntStream.range(0, on.length)
                .mapToDouble(i -> 1
                        - figure.applyAsDouble(on[i])
                                / ((figure.applyAsDouble(off[i]) + figure.applyAsDouble(off[i + 1])) / 2))
                .toArray());
    }

    private AccessTracker tracker(Machine machine) {
        if (mechanism != AccessMechanism.PAGE_MOVES) {
            AccessTracker tracker = machine.trackAccesses(share, HALF_LIFE);
            tracker.stop();
            return tracker;
        }
        return new AccessTracker(
                machine.memory(),
                new MoveSampler(machine.memory()),
                options.cpus(),
                share,
                HALF_LIFE,
                () -> machine.state() == Machine.State.RUNNING);
    }

    private static HeatResult.Quality quality(AccessCounts truth, AccessTracker tracker, double seconds) {
        BitSet top = truth.top(DECILE);
        BitSet hottest = new BitSet();
        try (Arena arena = Arena.ofConfined()) {
            HeatMap map = tracker.map(arena);
            IntStream.range(0, truth.pages())
                    .boxed()
                    .sorted((a, b) -> map.level(truth.page(b)) - map.level(truth.page(a)))
                    .limit(top.cardinality())
                    .forEach(hottest::set);
        }
        BitSet both = (BitSet) top.clone();
        both.and(hottest);
        return new HeatResult.Quality(
                seconds,
                (double) both.cardinality() / Math.max(1, hottest.cardinality()),
                (double) both.cardinality() / Math.max(1, top.cardinality()),
                truth.shareOf(hottest),
                truth.shareOf(top));
    }
}
