package dev.godwit.perf.targets;

import dev.godwit.agent.cli.AgentProcess;
import dev.godwit.agent.migration.MigrationOptions;
import dev.godwit.perf.peer.Qemu;
import dev.godwit.perf.peer.QemuMode;
import dev.godwit.perf.scenario.Contestant;
import dev.godwit.perf.scenario.Contests;
import dev.godwit.perf.scenario.GodwitContestant;
import dev.godwit.perf.scenario.GuestCare;
import dev.godwit.perf.scenario.GuestKind;
import dev.godwit.perf.scenario.HostClock;
import dev.godwit.perf.scenario.MigrationCase;
import dev.godwit.perf.scenario.PeerResult;
import dev.godwit.perf.scenario.QemuContestant;
import dev.godwit.perf.scenario.Stage;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;

/**
 * What rows measure with: two agents that stay up for all of them, and the QEMU to compare with. It remembers all
 * contests. One thread.
 */
final class TargetBench implements AutoCloseable {
    /** The limit of rows that have one, in bytes a second: 1 GiB takes eight and a half seconds. */
    static final long NARROW = 125_000_000;

    static final long WIDE = 1_250_000_000;

    private static final int CHANNELS = 4;
    private static final Duration MAX_TIME = Duration.ofMinutes(2);

    private final TargetsScenario scenario;
    private final Consumer<String> progress;
    private final Stage stage = new Stage();
    private final long tscKhz = HostClock.tscKhz();
    private final List<PeerResult.Contest> contests = new ArrayList<>();
    private List<AgentProcess> agents = List.of();

    TargetBench(TargetsScenario scenario, Consumer<String> progress) {
        this.scenario = scenario;
        this.progress = progress;
    }

    TargetsScenario scenario() {
        return scenario;
    }

    Consumer<String> progress() {
        return progress;
    }

    long memory() {
        return scenario.memoryBytes();
    }

    Stage stage() {
        return stage;
    }

    /** Both of them; the first is the source. */
    List<AgentProcess> agents() {
        if (agents.isEmpty()) {
            progress.accept("Starting two agents …");
            agents = List.of(stage.agent(), stage.agent(scenario.readyBytes()));
        }
        return agents;
    }

    Contestant godwit(String mode) {
        return godwit(mode, GuestCare.NONE);
    }

    /** One whose guest is given something before. */
    Contestant godwit(String mode, GuestCare care) {
        return new GodwitContestant(
                agents().getFirst(), agents().getLast(), mode, MigrationOptions.DEFAULT.streams(), care);
    }

    /** Nobody without a QEMU. */
    List<Contestant> qemu(QemuMode... modes) {
        return qemu(true, modes);
    }

    /** The same, which at the target finds memory ready as Godwit does, or is as anybody would start it. */
    List<Contestant> qemu(boolean ready, QemuMode... modes) {
        Qemu qemu = scenario.qemu();
        return qemu == null
                ? List.of()
                : Arrays.stream(modes)
                        .<Contestant>map(mode -> new QemuContestant(qemu, mode, CHANNELS, stage.directory(), ready))
                        .toList();
    }

    MigrationCase guest(GuestKind kind, long memoryBytes, long bandwidth) {
        return new MigrationCase(
                kind,
                memoryBytes,
                1,
                bandwidth,
                MigrationOptions.DEFAULT.downtime(),
                MAX_TIME,
                tscKhz,
                scenario.readyBytes(),
                false);
    }

    Contests turns(boolean cold) {
        return new Contests(scenario.warmups(), scenario.runs(), cold, progress);
    }

    /** A contest about a guest with the memory of the scenario, without a limit. */
    PeerResult.Contest contest(GuestKind kind, List<Contestant> contestants) {
        return contest(kind, 0, contestants, () -> {});
    }

    /**
     * A contest about a guest with the memory of the scenario.
     *
     * @param bandwidth the limit in bytes a second; 0 is none
     * @param before called before each turn
     */
    PeerResult.Contest contest(GuestKind kind, long bandwidth, List<Contestant> contestants, Runnable before) {
        return keep(turns(false).run(guest(kind, memory(), bandwidth), contestants, before));
    }

    /** Remembers it. */
    PeerResult.Contest keep(PeerResult.Contest contest) {
        contests.add(contest);
        return contest;
    }

    List<PeerResult.Contest> contests() {
        return List.copyOf(contests);
    }

    @Override
    public void close() {
        stage.close();
    }
}
