package dev.godwit.perf.scenario;

import com.fasterxml.jackson.databind.JsonNode;
import dev.godwit.agent.cli.MeasuringGuest;
import dev.godwit.images.GuestImage;
import dev.godwit.perf.peer.Qemu;
import dev.godwit.perf.peer.QemuMigration;
import dev.godwit.perf.peer.QemuMode;
import dev.godwit.perf.peer.QemuProcess;
import dev.godwit.perf.peer.QemuProcess.Role;
import java.nio.file.Path;
import java.time.Duration;
import java.util.DoubleSummaryStatistics;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/**
 * QEMU between two processes that live for one migration, as QEMUs do.
 *
 * @param directory for sockets and error output
 * @param channels of multifd
 * @param ready whether all of the guest's memory is there at the target before it comes; not if the case has none ready
 */
public record QemuContestant(Qemu qemu, QemuMode mode, int channels, Path directory, boolean ready)
        implements Contestant {
    private static final AtomicInteger STARTED = new AtomicInteger();
    private static final double MEBI = 1 << 20;
    private static final long PAGE = 4096;

    @Override
    public String name() {
        return "qemu " + mode.text() + (mode == QemuMode.MULTIFD ? "-" + channels : "") + (ready ? "" : " as it comes");
    }

    @Override
    public String version() {
        return "QEMU " + qemu.version();
    }

    @Override
    public boolean isOwn() {
        return false;
    }

    @Override
    public Session start(MigrationCase c) {
        GuestImage image = GuestImage.named(c.guest().image()).orElseThrow();
        QemuProcess.Guest guest =
                new QemuProcess.Guest(image.path(), c.memoryBytes(), c.cpus(), c.commandLine(), c.reserved());
        String name = "qemu-" + STARTED.incrementAndGet();
        QemuProcess source = new QemuProcess(qemu, guest, directory, name + "-source", Role.SOURCE);
        try {
            Role role = ready && c.readyBytes() > 0 ? Role.READY_TARGET : Role.TARGET;
            return new BetweenProcesses(c, source, new QemuProcess(qemu, guest, directory, name + "-target", role));
        } catch (RuntimeException e) {
            source.close();
            throw e;
        }
    }

    private record Port(QemuProcess process) implements MeasuringGuest.SerialPort {
        @Override
        public void type(byte key) {
            process.type(key);
        }

        @Override
        public String read(Duration atMost) {
            return process.serial(atMost);
        }
    }

    private final class BetweenProcesses implements Session {
        private final MigrationCase limits;
        private final QemuProcess source;
        private final QemuProcess target;
        private final MeasuringGuest guest;

        BetweenProcesses(MigrationCase limits, QemuProcess source, QemuProcess target) {
            this.limits = limits;
            this.source = source;
            this.target = target;
            guest = new MeasuringGuest("on " + name(), new Port(source));
        }

        @Override
        public MeasuringGuest guest() {
            return guest;
        }

        @Override
        public long sourcePid() {
            return source.pid();
        }

        @Override
        public long targetPid() {
            return target.pid();
        }

        @Override
        public Moved migrate(Consumer<Trial.Sample> samples) {
            QemuMigration migration = new QemuMigration(
                    mode,
                    channels,
                    limits.bandwidth(),
                    limits.downtime(),
                    limits.maxTime(),
                    Duration.ofMillis(PeerScenario.SAMPLE_MILLIS));
            QemuMigration.Outcome outcome;
            try {
                outcome = migration.run(source, target, s -> samples.accept(sample(s)));
            } catch (RuntimeException e) {
                throw target.failure(source.failure(e));
            }
            guest.movedTo(new Port(target));
            JsonNode ram = outcome.source().path("ram");
            Map<Measure, Double> figures = new EnumMap<>(Measure.class);
            figures.put(Measure.TOTAL, outcome.source().path("total-time").asDouble());
            figures.put(Measure.ANSWER, (outcome.endNanos() - outcome.startNanos()) / 1e6);
            figures.put(Measure.RESUME, (outcome.runningNanos() - outcome.startNanos()) / 1e6);
            figures.put(Measure.DOWNTIME, outcome.source().path("downtime").asDouble());
            figures.put(Measure.PAUSE, outcome.pauseMicros() / 1e3);
            figures.put(Measure.BYTES, ram.path("transferred").asDouble() / MEBI);
            figures.put(Measure.RESENT, resent(ram));
            JsonNode blocked = outcome.target().path("postcopy-vcpu-blocktime");
            if (!blocked.isEmpty()) {
                DoubleSummaryStatistics vcpus = new DoubleSummaryStatistics();
                blocked.forEach(vcpu -> vcpus.accept(vcpu.asDouble()));
                figures.put(Measure.BLOCKED, vcpus.getMax());
                if (vcpus.getCount() > 1) {
                    figures.put(Measure.BLOCKED_LEAST, vcpus.getMin());
                }
            }
            return new Moved(figures, Map.of("source", outcome.source(), "target", outcome.target()));
        }

        /** Pages sent, with content or as zero, over the pages there are; QEMU sends each at least once. */
        private static double resent(JsonNode ram) {
            double sent = ram.path("normal").asDouble() + ram.path("duplicate").asDouble();
            return Math.max(1, sent * PAGE / ram.path("total").asDouble());
        }

        private static Trial.Sample sample(QemuMigration.Sample s) {
            JsonNode ram = s.info().path("ram");
            return new Trial.Sample(
                    s.sinceStartNanos() / 1000,
                    s.info().path("status").asText().toLowerCase(Locale.ROOT),
                    ram.path("dirty-sync-count").asInt(),
                    ram.path("transferred").asLong(),
                    ram.path("dirty-pages-rate").asLong() * PAGE);
        }

        @Override
        public void close() {
            try {
                source.close();
            } finally {
                target.close();
            }
        }
    }
}
