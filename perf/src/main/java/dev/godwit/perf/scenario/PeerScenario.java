package dev.godwit.perf.scenario;

import dev.godwit.agent.cli.AgentProcess;
import dev.godwit.agent.migration.MigrationMode;
import dev.godwit.perf.peer.Qemu;
import dev.godwit.perf.peer.QemuMode;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
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
 * @param cold see {@link Contests}
 * @param readyBytes memory that is ready at Godwit's target; unless 0, QEMU's is preallocated
 * @param reserved whether guests' RAM is in reserved large pages (hugetlb)
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
        boolean cold,
        long readyBytes,
        boolean reserved,
        String command) {
    /** Ways in which Godwit migrates. */
    public static final List<String> GODWIT_MODES =
            Arrays.stream(MigrationMode.values()).map(MigrationMode::text).toList();

    /** Time between two looks at a migration on the way. */
    static final int SAMPLE_MILLIS = 50;

    /** Runs it all. */
    public PeerResult run(Consumer<String> progress) {
        String date = Instant.now().truncatedTo(ChronoUnit.SECONDS).toString();
        long tscKhz = HostClock.tscKhz();
        List<PeerResult.Contest> contests = new ArrayList<>();
        Contests turns = new Contests(warmups, runs, cold, progress);
        try (Stage stage = new Stage()) {
            List<Contestant> contestants = contestants(stage, progress);
            for (GuestKind guest : guests) {
                for (long bandwidth : bandwidths) {
                    contests.add(turns.run(
                            new MigrationCase(
                                    guest,
                                    memoryBytes,
                                    cpus,
                                    bandwidth,
                                    downtime,
                                    maxTime,
                                    tscKhz,
                                    readyBytes,
                                    reserved),
                            contestants));
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
            AgentProcess to = stage.agent(readyBytes);
            modes.forEach(mode -> contestants.add(new GodwitContestant(from, to, mode, streams, GuestCare.NONE)));
        }
        if (qemu != null) {
            qemuModes.forEach(
                    mode -> contestants.add(new QemuContestant(qemu, mode, channels, stage.directory(), true)));
        }
        return contestants;
    }
}
