package dev.godwit.perf.scenario;

import dev.godwit.host.boot.PvhImage;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.machine.MachineConfig;
import dev.godwit.host.memory.Backing;
import dev.godwit.host.tracking.AccessMechanism;
import dev.godwit.host.tracking.AccessTracker;
import dev.godwit.host.tracking.AccessTracking;
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
import java.util.BitSet;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Tracks a guest of known behaviour and compares the pages found with those that it really accessed most. Short turns
 * with and without tracking alternate, so that what tracking costs can be told from what else changes on a host: each
 * turn with it is compared with the two beside it.
 *
 * @param options of the guest
 * @param memoryBytes its RAM
 * @param mechanism by which, or null for the first that the host offers
 * @param settings what of the guest's time tracking may cost, and how fast it forgets
 * @param rounds after each of which the pages found are judged
 * @param round how long the guest is tracked in each
 * @param turn length of a turn with tracking or without; at most a round
 * @param truth by what the guest did in so much of the end of a round, with tracking and without, rounded up to turns;
 *     if that is more than a round by all that it did in it
 */
public record HeatScenario(
        DirtierOptions options,
        long memoryBytes,
        AccessMechanism mechanism,
        AccessTracking settings,
        int rounds,
        Duration round,
        Duration turn,
        Duration truth) {
    /** Long enough for two looks or three. */
    private static final Duration TURN = Duration.ofSeconds(2);

    /** How fast to forget of a guest that goes on as it is. */
    public static final Duration HALF_LIFE = Duration.ofHours(1);

    private static final double DECILE = 0.1;
    private static final long SEED = 1;

    /** Of a guest that goes on as it is: forgets nothing, with turns of 2 s, or a round if that is shorter. */
    public HeatScenario(
            DirtierOptions options,
            long memoryBytes,
            AccessMechanism mechanism,
            double share,
            int rounds,
            Duration round) {
        this(
                options,
                memoryBytes,
                mechanism,
                new AccessTracking(share, HALF_LIFE),
                rounds,
                round,
                round.compareTo(TURN) < 0 ? round : TURN,
                round.multipliedBy(2));
    }

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
        int turns = Math.toIntExact(Math.max(1, round.toNanos() / turn.toNanos()));
        int judged = Math.toIntExact(Math.clamp(Math.ceilDiv(truth.toNanos(), 2 * turn.toNanos()), 1, turns));
        List<CountingGuest.Speed> on = new ArrayList<>();
        List<CountingGuest.Speed> off = new ArrayList<>();
        List<HeatResult.Quality> found = new ArrayList<>();
        List<Double> losses = new ArrayList<>();
        List<Double> cpuLosses = new ArrayList<>();
        List<Double> ownLosses = new ArrayList<>();
        guest.meet();
        try (AccessTracker tracker = tracker(machine)) {
            for (int i = 0; i < rounds; i++) {
                progress.accept("Round " + (i + 1) + " of " + rounds + " …");
                CountingGuest.Speed last = guest.speed(() -> Thread.sleep(turn));
                off.add(last);
                for (int j = 0; j < turns; j++) {
                    if (j == turns - judged) {
                        guest.forget();
                    }
                    CountingGuest.Speed with = guest.speed(() -> {
                        tracker.start();
                        Thread.sleep(turn);
                        tracker.stop();
                    });
                    CountingGuest.Speed next = guest.speed(() -> Thread.sleep(turn));
                    on.add(with);
                    off.add(next);
                    losses.add(1 - with.rate() / ((last.rate() + next.rate()) / 2));
                    cpuLosses.add(1 - with.cpuRate() / ((last.cpuRate() + next.cpuRate()) / 2));
                    ownLosses.add(1 - with.ownRate() / ((last.ownRate() + next.ownRate()) / 2));
                    last = next;
                }
                found.add(quality(guest.accesses(), tracker, (i + 1.0) * turns * turn.toMillis() / 1e3));
            }
            return new HeatResult(
                    tracker.mechanism(),
                    options.pattern().name().toLowerCase(Locale.ROOT),
                    settings.share(),
                    tracker.cost().share(),
                    tracker.cost().faultNanos() / 1e3,
                    guest.accesses().pages(),
                    found,
                    of(off.stream().map(CountingGuest.Speed::rate)),
                    of(on.stream().map(CountingGuest.Speed::rate)),
                    of(losses.stream()),
                    of(cpuLosses.stream()),
                    before,
                    Backing.scan(arena, machine.memory()).largeBytes(),
                    of(ownLosses.stream()),
                    tracker.cost().looks(),
                    tracker.cost().accesses(),
                    stillSeconds(of(Stream.concat(on.stream(), off.stream()).map(CountingGuest.Speed::rate))));
        }
    }

    private Double stillSeconds(Distribution rate) {
        boolean moves = options.pattern() == DirtierOptions.Pattern.MOVING && options.move() > 0;
        return moves ? (double) options.move() * options.cpus() / rate.mean() : null;
    }

    private static Distribution of(Stream<Double> figures) {
        return Distribution.of(figures.mapToDouble(Double::doubleValue).toArray());
    }

    private AccessTracker tracker(Machine machine) {
        if (mechanism != AccessMechanism.PAGE_MOVES) {
            AccessTracker tracker = machine.trackAccesses(settings);
            tracker.stop();
            return tracker;
        }
        return new AccessTracker(
                machine.memory(),
                new MoveSampler(machine.memory(), options.cpus()),
                options.cpus(),
                machine::vcpuNanos,
                settings,
                () -> machine.state() == Machine.State.RUNNING);
    }

    private static HeatResult.Quality quality(AccessCounts truth, AccessTracker tracker, double seconds) {
        BitSet top = truth.top(DECILE);
        BitSet hottest = new BitSet();
        HeatMap map = tracker.map();
        List<Integer> pages =
                IntStream.range(0, truth.pages()).boxed().collect(Collectors.toCollection(ArrayList::new));
        // Of equals in an order that has nothing to do with the guest's, whose hot pages may lie first.
        Collections.shuffle(pages, new Random(SEED));
        pages.sort((a, b) -> map.level(truth.page(b)) - map.level(truth.page(a)));
        pages.subList(0, top.cardinality()).forEach(hottest::set);
        BitSet both = (BitSet) top.clone();
        both.and(hottest);
        return new HeatResult.Quality(
                seconds,
                (double) both.cardinality() / Math.max(1, hottest.cardinality()),
                (double) both.cardinality() / Math.max(1, top.cardinality()),
                truth.shareOf(hottest),
                truth.shareOf(top),
                tracker.cost().accesses());
    }
}
