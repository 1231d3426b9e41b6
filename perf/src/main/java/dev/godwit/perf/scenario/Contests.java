package dev.godwit.perf.scenario;

import dev.godwit.agent.cli.MeasuringGuest;
import dev.godwit.agent.config.Failure;
import dev.godwit.images.DirtierReport;
import dev.godwit.images.GuestPace;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/**
 * Lets contestants migrate the same guest in turns: A B C A B C …
 *
 * @param warmups turns that do not count
 * @param runs turns that do
 * @param cold leave free memory of this host as it is, see {@link HostMemoryTouch}, and let it get cold before each
 *     migration
 * @param progress is told of each migration
 */
public record Contests(int warmups, int runs, boolean cold, Consumer<String> progress) {
    private static final Duration BEFORE = Duration.ofSeconds(1);
    private static final Duration AFTER = Duration.ofSeconds(1);
    /** Longer than it takes until a host beneath has taken back what is free. */
    private static final Duration TO_GET_COLD = Duration.ofSeconds(4);

    /** All turns of a case. */
    public PeerResult.Contest run(MigrationCase c, List<Contestant> contestants) {
        return run(c, contestants, () -> {});
    }

    /** The same, and before each turn something else. */
    public PeerResult.Contest run(MigrationCase c, List<Contestant> contestants, Runnable before) {
        progress.accept("Case " + c.title() + " …");
        Map<Contestant, List<Trial>> trials = new LinkedHashMap<>();
        contestants.forEach(contestant -> trials.put(contestant, new ArrayList<>()));
        for (int turn = -warmups; turn < runs; turn++) {
            before.run();
            for (Contestant contestant : contestants) {
                Trial trial = trial(contestant, c, turn);
                if (turn >= 0) {
                    trials.get(contestant).add(trial);
                }
            }
        }
        return PeerResult.Contest.of(c, trials);
    }

    /**
     * One migration.
     *
     * @param turn its number from 0, for {@link #progress}; below that it is a warm-up
     */
    public Trial trial(Contestant contestant, MigrationCase c, int turn) {
        Trial trial = trial(contestant, c);
        String number = turn < 0 ? "warm-up" : "run " + (turn + 1) + " of " + runs;
        progress.accept("  " + number + ", " + contestant.name() + ": " + PeerText.line(trial));
        return trial;
    }

    private Trial trial(Contestant contestant, MigrationCase c) {
        if (!cold) {
            HostMemoryTouch.touch(2 * c.memoryBytes(), progress);
        }
        try (Contestant.Session session = contestant.start(c)) {
            return trial(session, c);
        } catch (Failure e) {
            return Trial.failed(e.getMessage());
        }
    }

    /** The same steps for everybody. */
    private Trial trial(Contestant.Session session, MigrationCase c) {
        MeasuringGuest guest = session.guest();
        session.awaitReady();
        guest.zero();
        LockSupport.parkNanos(BEFORE.toNanos());
        GuestPace paceBefore = guest.pace();
        DirtierReport before = guest.report();
        double coverageBefore = LargePageShare.percent(session.sourcePid(), c.memoryBytes());
        List<Trial.Sample> timeline = new ArrayList<>();
        prepareFreeMemory(c);
        CpuMeter cpu = new CpuMeter(session.sourcePid(), session.targetPid());
        guest.zero();
        Contestant.Moved moved = session.migrate(sample -> {
            timeline.add(sample);
            cpu.sample();
        });
        double cpuMillis = cpu.millis();
        double coverageAfter = LargePageShare.percent(session.targetPid(), c.memoryBytes());
        LockSupport.parkNanos(AFTER.toNanos());
        double coverageLater = LargePageShare.percent(session.targetPid(), c.memoryBytes());
        DirtierReport report = guest.report();
        GuestPace pace = guest.pace();
        long verified = guest.verify();

        Map<String, Double> figures = new LinkedHashMap<>();
        moved.figures().forEach((measure, value) -> figures.put(measure.key(), value));
        figures.put(Measure.GUEST_GAP.key(), report.maxGapMicros() / 1e3);
        figures.put(Measure.NOISE.key(), before.maxGapMicros() / 1e3);
        figures.put(Measure.CPU.key(), cpuMillis);
        figures.put(Measure.COVERAGE_BEFORE.key(), coverageBefore);
        figures.put(Measure.COVERAGE_AFTER.key(), coverageAfter);
        figures.put(Measure.COVERAGE_LATER.key(), coverageLater);
        GuestDip.of(paceBefore, pace).ifPresent(dip -> {
            figures.put(Measure.WORK_BEFORE.key(), GuestDip.workInLast(BEFORE, paceBefore) / 1e3);
            figures.put(Measure.WORK_AFTER.key(), GuestDip.workInLast(AFTER, pace) / 1e3);
            figures.put(Measure.DIP_DEPTH.key(), dip.depth() * 100);
            figures.put(Measure.DIP_LENGTH.key(), dip.lengthMillis());
            figures.put(Measure.DIP_LOST.key(), dip.lostMillis());
        });
        return new Trial(null, figures, timeline, report, pace, paceBefore, verified, moved.details());
    }

    /** Right before, as it does not last; and more than the guest has, as others take of it. */
    private void prepareFreeMemory(MigrationCase c) {
        if (cold) {
            LockSupport.parkNanos(TO_GET_COLD.toNanos());
        } else {
            HostMemoryTouch.touch(c.memoryBytes() + c.memoryBytes() / 4, progress);
        }
    }
}
