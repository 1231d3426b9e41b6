package dev.godwit.perf.scenario;

import dev.godwit.agent.api.ApiClient;
import dev.godwit.agent.api.MigrateRequest;
import dev.godwit.agent.api.MigrationView;
import dev.godwit.agent.api.StartRequest;
import dev.godwit.agent.api.Version;
import dev.godwit.agent.cli.AgentProcess;
import dev.godwit.agent.cli.MeasuringGuest;
import dev.godwit.agent.config.Failure;
import dev.godwit.agent.migration.FaultSummary;
import dev.godwit.agent.migration.MigrationReport;
import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;
import java.util.function.Consumer;

/**
 * Godwit between two agents that stay up, as agents do; each migration is of a new guest.
 *
 * @param mode one of {@link PeerScenario#GODWIT_MODES}
 * @param streams data connections
 * @param care what the guest is given before
 */
public record GodwitContestant(AgentProcess from, AgentProcess to, String mode, int streams, GuestCare care)
        implements Contestant {
    private static final String GUEST = "bench-peer";
    private static final double MEBI = 1 << 20;

    @Override
    public String name() {
        return "godwit " + mode + care.suffix();
    }

    @Override
    public String version() {
        return "Godwit " + Version.TEXT + ", " + streams + " streams";
    }

    @Override
    public boolean isOwn() {
        return true;
    }

    @Override
    public Session start(MigrationCase c) {
        from.client()
                .start(new StartRequest(
                                GUEST,
                                c.guest().image(),
                                c.memoryBytes(),
                                c.cpus(),
                                c.commandLine(),
                                c.reserved() ? "hugetlb" : null,
                                null,
                                null,
                                null)
                        .with(care.remote()));
        return new OnAgents(c);
    }

    private final class OnAgents implements Session {
        private final MigrationCase limits;
        private final ApiClient source = from.client();
        private final MeasuringGuest guest = new MeasuringGuest(GUEST, source);

        OnAgents(MigrationCase limits) {
            this.limits = limits;
        }

        @Override
        public MeasuringGuest guest() {
            return guest;
        }

        @Override
        public void awaitReady() {
            guest.awaitReady();
            care.give(source, GUEST, limits.memoryBytes());
            ReadyTarget.await(to, limits.readyBytes());
        }

        @Override
        public long sourcePid() {
            return from.process().pid();
        }

        @Override
        public long targetPid() {
            return to.process().pid();
        }

        @Override
        public Moved migrate(Consumer<Trial.Sample> samples) {
            MigrateRequest request = new MigrateRequest(
                    to.address(),
                    mode,
                    limits.downtime().toMillis(),
                    limits.bandwidth(),
                    streams,
                    null,
                    limits.maxTime().toMillis());
            long start = System.nanoTime();
            MigrationView view = source.migrate(GUEST, request);
            while (!view.done()) {
                MigrationView.Progress p = view.progress();
                samples.accept(new Trial.Sample(
                        (System.nanoTime() - start) / 1000,
                        p.phase(),
                        p.round(),
                        p.sentBytes(),
                        p.dirtyBytesPerSecond()));
                view = source.migration(view.id(), Duration.ofMillis(PeerScenario.SAMPLE_MILLIS));
            }
            long end = System.nanoTime();
            if (view.error() != null) {
                throw Failure.failed(view.error());
            }
            guest.movedTo(to.client());
            MigrationReport report = view.report();
            samples.accept(new Trial.Sample(
                    (end - start) / 1000, "completed", report.rounds().size(), report.sentBytes(), 0));
            Map<Measure, Double> figures = new EnumMap<>(Measure.class);
            figures.put(Measure.TOTAL, report.totalMicros() / 1e3);
            figures.put(Measure.ANSWER, (end - start) / 1e6);
            MigrationReport.Postcopy after = report.postcopy();
            figures.put(Measure.RESUME, (report.totalMicros() - (after == null ? 0 : after.micros())) / 1e3);
            FaultSummary faults = after == null ? null : after.faults();
            if (faults != null) {
                figures.put(Measure.BLOCKED, faults.mostBlocked() / 1e3);
                if (faults.blocked().size() > 1) {
                    figures.put(Measure.BLOCKED_LEAST, faults.leastBlocked() / 1e3);
                }
                if (faults.count() > 0) {
                    figures.put(Measure.FAULT_P50, faults.p50());
                    figures.put(Measure.FAULT_P99, faults.p99());
                }
            }
            figures.put(Measure.DOWNTIME, report.downtime().total() / 1e3);
            figures.put(Measure.PAUSE, report.downtime().total() / 1e3);
            figures.put(Measure.BYTES, report.wireBytes() / MEBI);
            figures.put(Measure.RESENT, report.resentFactor());
            return new Moved(figures, report);
        }

        @Override
        public void close() {
            removeFrom(from.client());
            removeFrom(to.client());
        }

        private static void removeFrom(ApiClient agent) {
            try {
                agent.remove(GUEST);
            } catch (Failure e) {
                if (e.kind() != Failure.Kind.NOT_FOUND) {
                    throw e;
                }
            }
        }
    }
}
