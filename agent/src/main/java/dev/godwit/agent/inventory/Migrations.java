package dev.godwit.agent.inventory;

import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.HostPort;
import dev.godwit.agent.config.Quoted;
import dev.godwit.agent.metrics.AgentMetrics;
import dev.godwit.agent.migration.MigrationException;
import dev.godwit.agent.migration.MigrationOptions;
import dev.godwit.agent.migration.MigrationPhase;
import dev.godwit.agent.migration.MigrationReport;
import dev.godwit.host.thread.PromptThread;
import java.net.InetSocketAddress;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.ConcurrentNavigableMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiConsumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The migrations out of one agent, each on a thread of its own. Thread-safe. */
public final class Migrations implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Migrations.class);
    private static final int KEPT = 1000;
    private static final long PATIENCE_MILLIS = 5_000;

    private final Mover.Factory movers;
    private final ReportStore reports;
    private final AgentMetrics metrics;
    private final BiConsumer<Guest, String> onDeparture;
    private final AtomicLong ids = new AtomicLong();
    private final ConcurrentNavigableMap<Long, MigrationJob> jobs = new ConcurrentSkipListMap<>();

    Migrations(Mover.Factory movers, ReportStore reports, AgentMetrics metrics, BiConsumer<Guest, String> onDeparture) {
        this.movers = movers;
        this.reports = reports;
        this.metrics = metrics;
        this.onDeparture = onDeparture;
    }

    /** All of them, the oldest first; of those that are over, the latest {@value #KEPT}. */
    public Collection<MigrationJob> all() {
        return List.copyOf(jobs.values());
    }

    /**
     * The migration of that id.
     *
     * @throws Failure not found
     */
    public MigrationJob migration(String id) {
        MigrationJob job = null;
        try {
            job = jobs.get(Long.valueOf(id));
        } catch (NumberFormatException e) {
            // Then it is none of ours.
        }
        if (job == null) {
            throw Failure.notFound("no migration has the id " + Quoted.of(id));
        }
        return job;
    }

    /**
     * Starts a migration; it goes on by itself.
     *
     * @throws Failure conflict, when the guest cannot be migrated now, or not so
     */
    public MigrationJob start(Guest guest, InetSocketAddress target, MigrationOptions options) {
        long number = ids.incrementAndGet();
        MigrationJob job = guest.beginMigration(machine -> {
            options.hot().problem(machine, guest.name()).ifPresent(why -> {
                throw Failure.conflict(why);
            });
            return new MigrationJob(
                    Long.toString(number),
                    guest.name(),
                    HostPort.text(target),
                    movers.create(machine, guest.outgoing(), guest.remote(), target, options));
        });
        jobs.put(number, job);
        forgetOld();
        try {
            PromptThread.of("migration-" + guest.name(), () -> run(job, guest)).start();
        } catch (OutOfMemoryError e) { // what Java throws when the system has no thread to give
            String why =
                    "guest " + guest.name() + " is not migrated: this host has no thread for it: " + e.getMessage();
            MigrationException error = new MigrationException(MigrationException.Kind.INTERNAL, why, e);
            try {
                guest.endMigration();
            } finally {
                job.end(new MigrationJob.Outcome(job.mover().report(), error, null));
            }
            throw new Failure(Failure.Kind.FAILED, why, e);
        }
        return job;
    }

    private void run(MigrationJob job, Guest guest) {
        MigrationException error = attempt(job);
        MigrationReport report = null;
        String directory = null;
        try {
            MigrationReport done = job.mover().report();
            report = done;
            if (error == null) {
                step(job, () -> onDeparture.accept(guest, job.target()));
            }
            step(job, guest::endMigration);
            step(job, () -> metrics.migrated(done));
            directory = reports.keep(report, job.startedAt());
        } catch (RuntimeException | Error e) {
            LOG.error("migration {} of guest {}: its report", job.id(), guest.name(), e);
        } finally {
            job.end(new MigrationJob.Outcome(report, error, directory));
        }
        if (error == null) {
            LOG.info("guest {} is at {} now", guest.name(), job.target());
        } else {
            LOG.warn("guest {} not migrated to {}: {}", guest.name(), job.target(), error.getMessage());
        }
    }

    /** Why it failed, or null. */
    private static MigrationException attempt(MigrationJob job) {
        try {
            var _ = job.mover().run(); // which report() gives too
            return null;
        } catch (MigrationException e) {
            return e;
        } catch (RuntimeException | Error e) {
            LOG.error("migration {} of guest {}", job.id(), job.guest(), e);
            return new MigrationException(MigrationException.Kind.INTERNAL, "defect: " + e, e);
        }
    }

    /** One of the things that are left to do at the end; when it fails, the others are done all the same. */
    private static void step(MigrationJob job, Runnable step) {
        try {
            step.run();
        } catch (RuntimeException | Error e) {
            LOG.error("migration {} of guest {}: its end", job.id(), job.guest(), e);
        }
    }

    private void forgetOld() {
        while (jobs.size() > KEPT && jobs.firstEntry().getValue().outcome().isPresent()) {
            jobs.pollFirstEntry();
        }
    }

    /**
     * Asks all of them for their end, and waits a little for it; longer for guests that run elsewhere and would be lost
     * without the memory that is still here, unless nobody can be reached who takes it.
     */
    @Override
    public void close() {
        jobs.values().forEach(MigrationJob::shutDown);
        try {
            for (MigrationJob job : jobs.values()) {
                if (job.progress().phase() != MigrationPhase.IN_DOUBT) { // which may last for ever
                    job.await(PATIENCE_MILLIS);
                }
                while (job.progress().phase() == MigrationPhase.POSTCOPY) {
                    LOG.info(
                            "{} MiB of guest {} have still to follow it to {}",
                            job.progress().remainingBytes() >> 20,
                            job.guest(),
                            job.target());
                    job.await(PATIENCE_MILLIS);
                    job.shutDown();
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
