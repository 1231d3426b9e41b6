package dev.godwit.perf.scenario;

import dev.godwit.agent.api.ApiClient;
import dev.godwit.agent.api.MigrateRequest;
import dev.godwit.agent.api.MigrationView;
import dev.godwit.agent.api.StartRequest;
import dev.godwit.agent.cli.AgentProcess;
import dev.godwit.agent.cli.MeasuringGuest;
import dev.godwit.agent.config.Durations;
import dev.godwit.agent.config.Failure;
import dev.godwit.host.memory.PageSize;
import dev.godwit.images.DirtierReport;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/**
 * Migrates a guest back and forth between two agents on the loopback, and before each time measures what TCP carries
 * there.
 *
 * @param guest which guest
 * @param memoryBytes its RAM
 * @param cpus its vCPUs
 * @param streams data connections
 * @param downtimeMillis the pause that precopy may plan for, or null for the agent's default
 * @param warmups migrations that do not count
 * @param runs migrations that do
 * @param readyBytes memory that both agents keep ready for guests that arrive
 */
public record MigrateScenario(
        GuestKind guest,
        long memoryBytes,
        int cpus,
        int streams,
        Long downtimeMillis,
        int warmups,
        int runs,
        long readyBytes) {
    private static final String NAME = "bench-migrate";
    private static final Duration POLL = Duration.ofSeconds(30);
    private static final Duration A_SECOND = Duration.ofSeconds(1);
    private static final long MOST_RAW = 1L << 30;

    /** Runs it. */
    public MigrateResult run(Consumer<String> progress) {
        long rawBytes = Math.clamp(memoryBytes & -PageSize.LARGE, PageSize.LARGE, MOST_RAW);
        try (Stage stage = new Stage();
                RawTcp small = new RawTcp((long) streams * PageSize.LARGE);
                RawTcp large = new RawTcp(rawBytes)) {
            progress.accept("Starting two agents and the guest " + guest.text() + " …");
            List<AgentProcess> agents = List.of(stage.agent(readyBytes), stage.agent(readyBytes));
            MeasuringGuest inside = start(agents.getFirst().client());
            List<MigrateResult.Run> done = new ArrayList<>();
            for (int i = 0; i < warmups + runs; i++) {
                double rawOne = small.measure(1, rawBytes);
                double rawStreams = small.measure(streams, rawBytes);
                double rawMemory = large.measure(streams, rawBytes);
                double touch = HostMemoryTouch.touch(memoryBytes, progress);
                double rawFresh = large.measureFresh(streams, rawBytes);
                AgentProcess to = agents.get((i + 1) % 2);
                double workBefore = work(inside);
                ReadyTarget.await(to, readyBytes);
                HostMemoryTouch.touch(memoryBytes, progress);
                inside.zero();
                MigrationView migration = migrate(agents.get(i % 2).client(), to.address());
                inside.movedTo(to.client());
                DirtierReport seen = inside.report();
                double workAfter = work(inside);
                MigrateResult.Run run = new MigrateResult.Run(
                        migration.report(),
                        seen,
                        rawOne,
                        rawStreams,
                        rawMemory,
                        rawFresh,
                        touch,
                        LargePageShare.percent(to.process().pid(), memoryBytes) / 100,
                        workBefore,
                        workAfter);
                progress.accept((i < warmups ? "warm-up: " : "run " + (i - warmups + 1) + " of " + runs + ": ")
                        + Durations.human(run.migration().totalMicros()) + ", downtime "
                        + Durations.human(run.migration().downtime().total()) + ", the guest saw "
                        + Durations.human(run.guest().maxGapMicros()));
                if (i >= warmups) {
                    done.add(run);
                }
            }
            return MigrateResult.of(this, done, inside.verify());
        }
    }

    private MeasuringGuest start(ApiClient agent) {
        agent.start(new StartRequest(
                NAME,
                guest.image(),
                memoryBytes,
                guest.cpus(cpus),
                guest.commandLine(guest.cpus(cpus), 0),
                null,
                null,
                null,
                null));
        MeasuringGuest inside = new MeasuringGuest(NAME, agent);
        inside.awaitReady();
        return inside;
    }

    /** Turns a second of the guest's loop, in a second from now. */
    private static double work(MeasuringGuest inside) {
        inside.zero();
        LockSupport.parkNanos(A_SECOND.toNanos());
        return GuestDip.workInLast(A_SECOND, inside.pace());
    }

    private MigrationView migrate(ApiClient from, String target) {
        MigrationView migration =
                from.migrate(NAME, new MigrateRequest(target, null, downtimeMillis, null, streams, null, null));
        while (!migration.done()) {
            migration = from.migration(migration.id(), POLL);
        }
        if (migration.error() != null) {
            throw Failure.failed("the migration failed: " + migration.error());
        }
        return migration;
    }
}
