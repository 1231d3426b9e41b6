package dev.godwit.perf.scenario;

import dev.godwit.agent.cli.AgentProcess;
import dev.godwit.agent.cli.MeasuringGuest;
import dev.godwit.agent.config.Failure;
import dev.godwit.agent.migration.MigrationMode;
import dev.godwit.images.DirtierReport;
import dev.godwit.images.GuestPace;
import dev.godwit.perf.peer.Qemu;
import dev.godwit.perf.peer.QemuMode;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/**
 * Migrates the same guests with the same limits on Godwit and on QEMU, in turns: A B C A B C …
 *
 * @param guests which
 * @param bandwidths bytes a second, 0 for no limit; each guest under each
 * @param memoryBytes RAM of each guest
 * @param cpus vCPUs of each guest, at least
 * @param downtime the pause that precopy may plan for
 * @param maxTime a migration that takes longer has failed
 * @param modes of Godwit, in words of {@link #GODWIT_MODES}
 * @param streams of Godwit
 * @param qemu null to leave it out
 * @param qemuModes of QEMU
 * @param channels of multifd
 * @param warmups turns that do not count
 * @param runs turns that do
 * @param command how to do it again, for the report
 */
public record PeerScenario(
        List<GuestKind> guests,
        List<Long> bandwidths,
        long memoryBytes,
        int cpus,
        Duration downtime,
        Duration maxTime,
        List<String> modes,
        int streams,
        Qemu qemu,
        List<QemuMode> qemuModes,
        int channels,
        int warmups,
        int runs,
        String command) {
    /** Ways in which Godwit migrates. */
    public static final List<String> GODWIT_MODES =
            Arrays.stream(MigrationMode.values()).map(MigrationMode::text).toList();

    /** Time between two looks at a migration on the way. */
    static final int SAMPLE_MILLIS = 50;

    private static final Duration BEFORE = Duration.ofMillis(700);
    private static final Duration AFTER = Duration.ofSeconds(1);

    /** Runs it all. */
    public PeerResult run(Consumer<String> progress) {
        String date = Instant.now().truncatedTo(ChronoUnit.SECONDS).toString();
        long tscKhz = HostClock.tscKhz();
        List<PeerResult.Contest> contests = new ArrayList<>();
        try (Stage stage = new Stage()) {
            List<Contestant> contestants = contestants(stage, progress);
            for (GuestKind guest : guests) {
                for (long bandwidth : bandwidths) {
                    contests.add(contest(
                            new MigrationCase(guest, memoryBytes, cpus, bandwidth, downtime, maxTime, tscKhz),
                            contestants,
                            progress));
                }
            }
        }
        return new PeerResult(date, HostText.describe(), command, contests);
    }

    private List<Contestant> contestants(Stage stage, Consumer<String> progress) {
        List<Contestant> contestants = new ArrayList<>();
        if (!modes.isEmpty()) {
            progress.accept("Starting two agents …");
            AgentProcess from = stage.agent();
            AgentProcess to = stage.agent();
            modes.forEach(mode -> contestants.add(new GodwitContestant(from, to, mode, streams)));
        }
        if (qemu != null) {
            qemuModes.forEach(mode -> contestants.add(new QemuContestant(qemu, mode, channels, stage.directory())));
        }
        return contestants;
    }

    private PeerResult.Contest contest(MigrationCase c, List<Contestant> contestants, Consumer<String> progress) {
        progress.accept("Case " + c.title() + " …");
        Map<Contestant, List<Trial>> trials = new LinkedHashMap<>();
        contestants.forEach(contestant -> trials.put(contestant, new ArrayList<>()));
        for (int turn = -warmups; turn < runs; turn++) {
            for (Contestant contestant : contestants) {
                Trial trial = trial(contestant, c);
                String number = turn < 0 ? "warm-up" : "run " + (turn + 1) + " of " + runs;
                progress.accept("  " + number + ", " + contestant.name() + ": " + PeerText.line(trial));
                if (turn >= 0) {
                    trials.get(contestant).add(trial);
                }
            }
        }
        return new PeerResult.Contest(
                c.key(),
                c.title(),
                c.memoryBytes(),
                c.commandLine(),
                trials.entrySet().stream()
                        .map(e -> PeerResult.Entry.of(
                                e.getKey().name(),
                                e.getKey().version(),
                                e.getKey().isOwn(),
                                e.getValue()))
                        .toList());
    }

    private static Trial trial(Contestant contestant, MigrationCase c) {
        HostMemoryTouch.touch(2 * c.memoryBytes());
        try (Contestant.Session session = contestant.start(c)) {
            return trial(session, c);
        } catch (Failure e) {
            return Trial.failed(e.getMessage());
        }
    }

    /** The same steps for everybody. */
    private static Trial trial(Contestant.Session session, MigrationCase c) {
        MeasuringGuest guest = session.guest();
        guest.awaitReady();
        guest.zero();
        LockSupport.parkNanos(BEFORE.toNanos());
        GuestPace paceBefore = guest.pace();
        DirtierReport before = guest.report();
        double coverageBefore = LargePageShare.percent(session.sourcePid(), c.memoryBytes());
        List<Trial.Sample> timeline = new ArrayList<>();
        // Right before, as it does not last; and more, as others take of it.
        HostMemoryTouch.touch(c.memoryBytes() + c.memoryBytes() / 4);
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
            figures.put(Measure.DIP_DEPTH.key(), dip.depth() * 100);
            figures.put(Measure.DIP_LENGTH.key(), dip.lengthMillis());
            figures.put(Measure.DIP_LOST.key(), dip.lostMillis());
        });
        return new Trial(null, figures, timeline, report, pace, paceBefore, verified, moved.details());
    }
}
